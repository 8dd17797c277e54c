// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// A write(2), or one of its kind, that a task is in.
struct CurrentWrite {
  std::string path;  // of the file, as /proc/PID/fd shows it
  std::string text;  // what it writes, its first 32 bytes
};

// Nothing when the task is not in such a call.  Errors are those of reading
// /proc/PID/task/TID/{syscall,fd,mem}; reading its memory may hang behind a
// lock, so this belongs into a helper process.
Result<std::optional<CurrentWrite>> read_current_write(const HostRoot& root, std::int64_t pid,
                                                       std::int64_t tid);

// What a write to a file of sysfs is about.
struct SysfsTarget {
  bool is_pci = false;
  std::string device;  // PCI address; empty when it is not one device
};

// Nothing when the file is none of sysfs.
std::optional<SysfsTarget> target_of(const CurrentWrite& write);

}  // namespace vmleak
