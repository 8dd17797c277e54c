// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/domain.h"

namespace vmleak {

// A VM's configuration as Proxmox VE has it (qm.conf(5)).
struct ProxmoxVm {
  std::uint64_t vmid = 0;
  Domain domain;  // what does not depend on whether it runs
  // Devices whose addresses are not in the configuration:
  std::vector<std::string> slots;     // "0000:01:00": all functions
  std::vector<std::string> mappings;  // names of resource mappings
};

// The current configuration in its text; not those of its snapshots.
ProxmoxVm parse_proxmox_config(std::string_view text, std::uint64_t vmid);

// What a resource mapping stands for on one node of the cluster.
struct ProxmoxMapping {
  std::string name;
  std::string node;
  std::vector<std::string> paths;  // "0000:01:00.0", or "0000:01:00": all functions
};

// The text of /etc/pve/mapping/pci.cfg.
std::vector<ProxmoxMapping> parse_proxmox_mappings(std::string_view text);

}  // namespace vmleak
