// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "host/host_root.h"

namespace vmleak {

// Who runs this program, and what it runs in.
struct Operator {
  // The user who logged in (/proc/self/loginuid) and who it acts as: "root",
  // "alice as root"; numbers where they have no name.
  std::string user;
  bool root = false;
  // This process and those it descends from.
  std::set<std::int64_t> processes;
};

Operator read_operator(const HostRoot& root);

// The path of nvidia-smi; empty where it is not installed.
std::string find_nvidia_smi(const HostRoot& root);

}  // namespace vmleak
