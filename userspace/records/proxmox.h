// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "host/host_root.h"
#include "model/domain.h"
#include "records/proxmox_config.h"
#include "records/proxmox_tasks.h"

namespace vmleak {

// A VM of this node, and what its pid file says of its process.
struct ProxmoxState {
  ProxmoxVm config;
  std::int64_t pid = 0;          // 0: it has no pid file
  std::uint64_t started_ns = 0;  // when that was written
};

// The runs that the tasks tell of.  A configuration says which devices a run
// had only while nobody has destroyed the VM since: its number may belong to
// another one by now.
std::vector<PastRun> proxmox_runs(std::vector<ProxmoxTask> tasks,
                                  const std::map<std::uint64_t, ProxmoxState>& vms);

struct ProxmoxAnswer {
  bool present = false;  // Proxmox VE is installed
  std::vector<Domain> domains;
  std::vector<PastRun> runs;
};

// The VMs of this node of Proxmox VE, and their runs.  The configurations of
// other nodes, which every node has a copy of, are left alone.
ProxmoxAnswer read_proxmox(const HostRoot& root);

}  // namespace vmleak
