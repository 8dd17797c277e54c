// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// The root directory of debugfs, also where it is not mounted: then through a
// mount that no path leads to and that ends with the descriptor.
Result<FileDescriptor> open_debugfs(const HostRoot& root = {});

// One VM as KVM shows it in debugfs: kvm/PID-FD.
struct DebugfsVm {
  std::string name;      // "4711-12"
  std::int64_t pid = 0;  // who created it
  std::int64_t fd = 0;   // its descriptor then
  std::string file;      // which file `handle` is
  // Opened with O_PATH: shows the inode, takes no reference on the VM.
  FileDescriptor handle;
};

// The VMs below the root directory of debugfs, with one of their files: the
// first of `preferred` that exists, else the first at all.  Those whose
// directory goes away meanwhile are left out.  None when KVM is not loaded.
Result<std::vector<DebugfsVm>> list_debugfs_vms(int debugfs,
                                                std::span<const std::string_view> preferred = {});

// pid and fd of "PID-FD".
struct DebugfsVmName {
  std::int64_t pid, fd;
};
std::optional<DebugfsVmName> parse_debugfs_vm_name(std::string_view name);

}  // namespace vmleak
