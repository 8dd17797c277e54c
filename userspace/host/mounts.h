// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_probes.h"
#include "host/host_root.h"

namespace vmleak {

// One line of mountinfo (proc_pid_mountinfo(5)).
struct Mount {
  DeviceNumber number;
  std::string point;
  std::string type;     // "ext4"
  std::string source;   // "/dev/sda2", a tag, a share
  std::string options;  // of the file system
};

// Nothing when a line is not of its form.
std::optional<std::vector<Mount>> parse_mountinfo(std::string_view text);

// Mounts of this mount namespace and of that of process 1.
Result<std::vector<Mount>> read_mounts(const HostRoot& root);

// The files and partitions of /proc/swaps.
std::vector<std::string> parse_swaps(std::string_view text);
Result<std::vector<std::string>> read_swaps(const HostRoot& root);

}  // namespace vmleak
