// SPDX-License-Identifier: Apache-2.0

// Attaches programs that do nothing, says so, and detaches at end of input.

#include <unistd.h>

#include <cstdio>

#include "bpf/handles.h"
#include "empty.skel.h"

int main() {
  const vmleak::Skeleton<empty_bpf> skeleton(empty_bpf::open_and_load());
  if (!skeleton || empty_bpf::attach(skeleton.get()) != 0) {
    std::perror("attach empty programs");
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
