// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vmleak/abi.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpf/ledger_records.h"
#include "model/snapshot.h"

namespace vmleak {

// A task and the kernel functions it is in, innermost first.
struct TaskRecord {
  vmleak_task_record task{};  // without its stack
  std::vector<std::uint64_t> stack;
};

// A loaded BPF program that is made for a function of a module.
struct ModuleProgram {
  std::string module;
  std::string name;
  std::uint32_t id = 0;
};

// Everything one walk read from the kernel, as the programs sent it.
struct KernelRecords {
  std::vector<vmleak_kvm_record> kvms;
  std::vector<vmleak_fd_record> fds;
  std::vector<vmleak_file> files;  // read by address
  std::vector<vmleak_file_hold_record> holds;
  std::vector<vmleak_mapping_record> mappings;
  std::vector<TaskRecord> tasks;
  std::vector<vmleak_mm_record> mms;
  std::vector<vmleak_vfio_group_record> vfio_groups;
  std::vector<vmleak_vfio_device_record> vfio_devices;
  std::vector<vmleak_vfio_container_record> vfio_containers;
  std::vector<vmleak_dma_user_record> dma_users;
  std::vector<vmleak_iommu_group_record> iommu_groups;
  std::vector<vmleak_iommu_member_record> iommu_members;
  std::vector<vmleak_vhost_record> vhosts;
  std::vector<vmleak_own_fd_record> own_fds;
  std::vector<vmleak_embryo_record> embryos;
  std::vector<vmleak_kvm_vfio_record> kvm_vfios;
  std::vector<vmleak_eventfd_record> eventfds;
  std::vector<vmleak_eventfd_hold_record> eventfd_holds;
  std::vector<vmleak_walk_record> walks;

  // What the walk found out beside the records.
  std::map<std::uint64_t, std::uint64_t> kvm_of_device;  // kvm_device -> kvm
  std::map<std::uint64_t, std::string> debugfs_names;    // kvm -> "PID-FD"
  std::vector<ModuleProgram> module_programs;
  // What the ledger said before and after the walk, of objects that exist.
  std::optional<LedgerRecords> ledger;
  // Entries whose object is gone though nobody saw the drop.
  std::vector<vmleak_ledger_key> earlier_lives;
  std::vector<Loss> losses;
  std::uint64_t files_walked = 0;
  std::uint64_t mappings_walked = 0;
  std::uint32_t own_tgid = 0;  // of the process that walked
};

}  // namespace vmleak
