// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/snapshot_programs.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// What the running kernel offers to the walk.
struct KernelFacts {
  KernelAddresses addresses;
  bool counts_device_files = false;  // see BookOptions
  std::string vendor_module;         // kvm_amd or kvm_intel; empty when built in
  bool has_vfio_module = false;      // loaded or built in
  std::vector<Family> families;      // what each source gives, or what is lost without it
};

// Reads /proc/kallsyms and which modules have BTF.  `without` switches
// capabilities off by name.  Error when kallsyms hides addresses.
Result<KernelFacts> read_kernel_facts(const HostRoot& root,
                                      const std::vector<std::string>& without);

}  // namespace vmleak
