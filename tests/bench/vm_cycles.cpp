// SPDX-License-Identifier: Apache-2.0

// Makes and destroys VMs with a vCPU and a statistics file; prints how long one
// takes, in ns.

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "support/kvm_vm.h"

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const long cycles = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 0;
  if (cycles <= 0) {
    std::fputs("usage: bench_vm_cycles COUNT\n", stderr);
    return 2;
  }
  const auto start = Clock::now();
  for (long i = 0; i < cycles; ++i) {
    vmleak::scenarios::KvmVm vm;
    vm.add_vcpu();
    const auto stats = vm.open_stats();
  }
  const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
  std::printf("%lld\n", static_cast<long long>(took.count() / cycles));
  return 0;
}
