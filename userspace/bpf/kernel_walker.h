// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpf/kernel_walk.h"
#include "bpf/ledger_classes.h"

namespace vmleak {

// One walk of the kernel while it goes on: what was read so far, and what of
// it was followed already.
class KernelWalker {
 public:
  KernelWalker(SnapshotPrograms& programs, const WalkEntries& entries)
      : programs_(programs), entries_(entries) {}

  Result<KernelRecords> read();

 private:
  using Run = SnapshotPrograms::Run;
  using Iterate = SnapshotPrograms::Iterate;

  // Walks of a list that changes are repeated this often.
  static constexpr int kTries = 4;

  void add_loss(std::string what, std::int64_t count, std::vector<NodeKind> kinds);
  // A program that fails leaves out what it should have read.
  void run(Run program, std::uint64_t address, std::uint64_t extra,
           const std::vector<NodeKind>& kinds);

  // Repeats a walk until it is consistent; with `twice`, until two in a row saw
  // the same.  What an earlier try found is dropped by the caller's truncation.
  template <class Once, class Forget>
  void repeat(bool twice, const std::string& what, const std::vector<NodeKind>& kinds, Once once,
              Forget forget) {
    std::optional<std::pair<std::uint64_t, std::uint64_t>> before;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const auto walks = records_.walks.size();
      if (attempt != 0) forget();
      once();
      bool consistent = true;
      std::uint64_t checksum = 0;
      std::uint64_t visited = 0;
      for (auto walk = records_.walks.begin() + static_cast<std::ptrdiff_t>(walks);
           walk != records_.walks.end(); ++walk) {
        consistent = consistent && walk->inconsistent == 0;
        checksum ^= walk->checksum;
        visited += walk->visited;
      }
      const std::pair sum{checksum, visited};
      if (consistent && (!twice || before == sum)) return;
      before = consistent ? std::optional(sum) : std::nullopt;
    }
    add_loss(what + " kept changing while it was read", 1, kinds);
  }

  void read_virtual_machines();
  void read_own_descriptors();
  // The pointer behind a debugfs file counts when the VM there was made by the
  // process that the directory is named after.
  void learn_vm(const WalkEntries::VmDirectory& vm, std::uint64_t kvm);
  void read_vfio();
  void learn_group(const vmleak_vfio_group_record& group);
  // Only a ledger names what may be gone: then its memory has to look like it.
  void learn_container(std::uint64_t container, bool may_be_gone = false);
  void watch_inode(std::uint64_t inode);
  // The open files of one process that may be disk images.
  void read_images(std::uint32_t tgid);
  // Before the walk of all tables, so that one walk finds everybody else who
  // has the same images open.
  void watch_images_of_owners();
  // Whoever has a VM's file open may have its disks open too.
  void read_images_of_other_holders();
  void learn_mm(std::uint64_t mm, bool may_be_gone = false);
  void learn_file(const vmleak_file& file);
  void learn_ring(std::uint64_t ring);
  void walk_socket(std::uint64_t sock, std::uint64_t file);
  // Everything that became known, and what that leads to, until nothing is new.
  void follow_new_files();
  void read_kvm_devices(std::uint64_t kvm);
  void read_mappings();
  void watch(std::uint64_t key);
  void watch_tasks();
  // Tasks may show rings that lead to further files, whose tasks are wanted
  // too; twice is enough, for what a ring holds is not in another task's hands.
  void read_tasks();
  void read_address_spaces();
  // Reads the ledger and watches the eventfds it mentions.
  void read_ledger();
  // Reads what it names and nothing else led to.
  void visit_ledger();
  void visit_held(const LedgerClass& cls, const vmleak_ledger_entry& entry);
  std::optional<vmleak_file> read_file(std::uint64_t address);
  void add_ledger_loss(const Error& error);
  void read_eventfd_holders();
  void learn_eventfd(std::uint64_t context);
  // Reads the ledger once more; keeps what both readings and the walk agree on.
  void confirm();

  SnapshotPrograms& programs_;
  const WalkEntries& entries_;
  KernelRecords records_;
  std::set<std::uint64_t> kvms_, vfio_groups_, vfio_devices_, containers_, rings_, mms_, files_,
      mappings_, watched_, eventfds_;
  std::optional<LedgerRecords> ledger_;
  std::set<std::uint64_t> reached_;  // by the ledger alone
  std::set<std::uint32_t> image_tgids_;
  std::size_t next_fd_ = 0, next_hold_ = 0, next_mapping_ = 0, next_kvm_ = 0;
};

}  // namespace vmleak
