// SPDX-License-Identifier: Apache-2.0
//
// Counts the open files of this host with a BPF iterator, and does nothing
// else: what any tool that looks at all of them has to pay.
#include <bpf/bpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_descriptor.h"
#include "bpf/handles.h"
#include "count.skel.h"

int main() {
  const vmleak::Skeleton<count_bpf> skeleton(count_bpf::open_and_load());
  if (!skeleton) {
    std::fprintf(stderr, "load the counting iterator: %s\n", std::strerror(errno));
    return 1;
  }
  const vmleak::Link link(bpf_program__attach_iter(skeleton->progs.iter__count, nullptr));
  if (!link) {
    std::fprintf(stderr, "attach the counting iterator: %s\n", std::strerror(errno));
    return 1;
  }
  const vmleak::FileDescriptor iterator(bpf_iter_create(bpf_link__fd(link.get())));
  std::array<char, 4096> buffer{};
  while (::read(iterator.get(), buffer.data(), buffer.size()) > 0) {
  }
  std::printf("%llu\n", static_cast<unsigned long long>(skeleton->bss->files));
  return 0;
}
