// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/kernel_records.h"
#include "bpf/snapshot_programs.h"

namespace vmleak {

// Descriptors that the walking process opened to reach kernel objects.
struct WalkEntries {
  struct VmDirectory {
    int fd = -1;               // O_PATH on one file of debugfs kvm/PID-FD
    std::string name;          // "PID-FD"
    std::int64_t creator = 0;  // PID
  };
  std::vector<VmDirectory> vms;
  std::vector<int> iommu_groups;  // O_PATH on directories of /sys/kernel/iommu_groups
  std::vector<int> images;        // O_PATH on files to follow like disk images
  int anon_inode = -1;            // any anonymous inode file: they share one inode
  // Reads the ledger, before the walk and after it; empty: there is none.
  std::function<Result<LedgerRecords>()> read_ledger;
};

// Reads counters and holders from the kernel once.  Lists that change while
// they are walked are walked again; what stays inconsistent is a loss.
// Errors only when nothing could be read.
Result<KernelRecords> walk_kernel(SnapshotPrograms& programs, const WalkEntries& entries);

}  // namespace vmleak
