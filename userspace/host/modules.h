// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

struct KernelModule {
  std::string name;  // with "_", as the kernel calls it
  // References: one for each dependent, the others by files, devices, BPF
  // programs, ...  -1 when the kernel can't unload modules and does not count.
  std::int64_t refcount = -1;
  std::vector<std::string> dependents;  // modules that use its symbols
  std::string state;                    // "Live", "Loading", "Unloading"
};

// The text of /proc/modules.
std::vector<KernelModule> parse_modules(std::string_view text);

// Loaded modules that VMs use; not those that are built into the kernel.
Result<std::vector<KernelModule>> read_vm_modules(const HostRoot& root);

// Whether the kernel has this module, loaded or built in.
bool has_module(const HostRoot& root, std::string_view name);

// Tells a loaded module from a later one of that name: inode of its directory in
// /sys/module.  0 for what is built in or not there.
std::uint64_t module_life(const HostRoot& root, std::string_view name);

// KVM, VFIO, vhost and what they stand on, also a vendor's part of them.
bool is_vm_module(std::string_view name);

}  // namespace vmleak
