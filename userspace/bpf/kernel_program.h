// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace vmleak {

// Attaches a loaded program to the function it was loaded for (fentry, fexit).
// The link's descriptor; closing it detaches, unless it is pinned.
Result<FileDescriptor> attach_trampoline(int program_fd);

// Attaches a loaded program to the entry of a function, or to its return.
// Not by libbpf, which switches the probe off when it frees its handle, also
// when the link is pinned.
Result<FileDescriptor> attach_kprobe(int program_fd, const std::string& function, bool at_return);

// Whether the kernel accepts such programs at all: loads one that does nothing,
// attaches it and takes it away again.  `btf_id`: of `function` in the kernel's
// own types.
Status try_trampoline(std::uint32_t btf_id);
Status try_kprobe(const std::string& function);

// Calls that programs of this kind did not see.
struct MissedCalls {
  std::uint64_t count = 0;
  bool known = true;  // the kernel counts all of them
};
Result<MissedCalls> missed_calls(int link_fd);

}  // namespace vmleak
