// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_walk.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bpf/kernel_walker.h"

namespace vmleak {

Result<KernelRecords> KernelWalker::read() {
  records_.own_tgid = static_cast<std::uint32_t>(::getpid());
  const auto files_before = programs_.files_walked();
  const auto lost_before = programs_.records_lost();
  read_virtual_machines();
  read_own_descriptors();
  read_vfio();
  read_ledger();
  watch_images_of_owners();
  const auto tables_read = programs_.iterate(Iterate::kFiles, 0, records_);
  if (!tables_read) return tables_read.error();
  read_images_of_other_holders();
  follow_new_files();
  visit_ledger();
  read_eventfd_holders();
  read_mappings();
  follow_new_files();
  read_tasks();
  read_address_spaces();
  confirm();
  records_.files_walked = programs_.files_walked() - files_before;
  if (const auto lost = programs_.records_lost() - lost_before; lost != 0) {
    add_loss("records that did not fit in the buffer", static_cast<std::int64_t>(lost), {});
  }
  return std::move(records_);
}

void KernelWalker::add_loss(std::string what, std::int64_t count, std::vector<NodeKind> kinds) {
  records_.losses.push_back({std::move(what), count, std::move(kinds), /*in_ledger=*/false});
}

void KernelWalker::run(Run program, std::uint64_t address, std::uint64_t extra,
                       const std::vector<NodeKind>& kinds) {
  if (!programs_.has(program)) return;
  if (auto done = programs_.run(program, address, extra, records_); !done) {
    add_loss(done.error().message, 1, kinds);
  }
}

void KernelWalker::read_virtual_machines() {
  const auto known = records_.kvms.size();
  repeat(
      false, "the list of virtual machines", {NodeKind::kKvm},
      [this] { run(Run::kVmList, 0, 0, {NodeKind::kKvm}); },
      [this, known] { records_.kvms.resize(known); });
  for (const auto& kvm : records_.kvms) kvms_.insert(kvm.kvm);
}

void KernelWalker::read_own_descriptors() {
  if (auto done = programs_.iterate(Iterate::kOwnFds, records_.own_tgid, records_); !done) {
    add_loss(done.error().message, 1, {});
    return;
  }
  std::map<int, vmleak_own_fd_record> by_fd;
  for (const auto& own : records_.own_fds) by_fd.emplace(static_cast<int>(own.fd), own);
  for (const auto& vm : entries_.vms) {
    if (const auto own = by_fd.find(vm.fd); own != by_fd.end()) learn_vm(vm, own->second.kvm);
  }
  for (const int fd : entries_.iommu_groups) {
    if (const auto own = by_fd.find(fd); own != by_fd.end() && own->second.kobject != 0) {
      run(Run::kIommuGroup, own->second.kobject, 1, {NodeKind::kIommuGroup});
    }
  }
  for (const int fd : entries_.images) {
    if (const auto own = by_fd.find(fd); own != by_fd.end()) watch_inode(own->second.inode);
  }
  if (const auto own = by_fd.find(entries_.anon_inode); own != by_fd.end()) {
    mappings_.insert(own->second.mapping);
  }
}

void KernelWalker::learn_vm(const WalkEntries::VmDirectory& vm, std::uint64_t kvm) {
  if (kvm == 0) return;
  if (!kvms_.contains(kvm)) {
    const auto before = records_.kvms.size();
    run(Run::kKvm, kvm, 0, {NodeKind::kKvm});
    if (records_.kvms.size() == before) return;
    if (records_.kvms.back().userspace_pid != vm.creator) {
      records_.kvms.pop_back();
      return;
    }
    kvms_.insert(kvm);
  }
  records_.debugfs_names.emplace(kvm, vm.name);
}

void KernelWalker::learn_mm(std::uint64_t mm, bool may_be_gone) {
  if (mm == 0 || !mms_.insert(mm).second) return;
  run(Run::kMm, mm, may_be_gone ? 1 : 0, {NodeKind::kMm});
}

void KernelWalker::watch(std::uint64_t key) {
  if (key == 0 || !watched_.insert(key).second) return;
  if (auto done = programs_.watch_task_key(key); !done) {
    add_loss(done.error().message, 1, {NodeKind::kProcess});
  }
}

void KernelWalker::watch_tasks() {
  for (const auto& kvm : records_.kvms) {
    watch(kvm.mm);
    if (kvm.userspace_pid > 0) watch(static_cast<std::uint64_t>(kvm.userspace_pid));
  }
  for (const auto& fd : records_.fds) {
    watch(fd.table);
    watch(fd.tgid);
  }
  for (const auto& mapping : records_.mappings) watch(mapping.mm);
  for (const auto& vhost : records_.vhosts) watch(vhost.mm);
  for (const auto& user : records_.dma_users) {
    watch(user.mm);
    if (user.tgid > 0) watch(static_cast<std::uint64_t>(user.tgid));
  }
}

void KernelWalker::read_tasks() {
  for (int pass = 0; pass < 2; ++pass) {
    watch_tasks();
    const auto watched = watched_.size();
    const auto holds = records_.holds.size();
    records_.tasks.clear();
    if (auto done = programs_.iterate(Iterate::kTasks, 0, records_); !done) {
      add_loss(done.error().message, 1, {});
      return;
    }
    for (auto i = holds; i < records_.holds.size(); ++i) watch(records_.holds[i].tgid);
    follow_new_files();
    watch_tasks();
    if (watched_.size() == watched) return;
    if (pass == 0) {
      // The second pass reports what tasks hold once more.
      std::erase_if(records_.holds, [](const auto& hold) {
        return hold.hold == VMLEAK_HOLD_IO_URING_REGISTERED ||
               hold.hold == VMLEAK_HOLD_IO_URING_SUBMITTER || hold.hold == VMLEAK_HOLD_PENDING_FPUT;
      });
      next_hold_ = records_.holds.size();
    }
  }
}

void KernelWalker::read_address_spaces() {
  for (const auto& kvm : records_.kvms) learn_mm(kvm.mm);
  for (const auto& mapping : records_.mappings) learn_mm(mapping.mm);
  for (const auto& vhost : records_.vhosts) learn_mm(vhost.mm);
}

Result<KernelRecords> walk_kernel(SnapshotPrograms& programs, const WalkEntries& entries) {
  return KernelWalker(programs, entries).read();
}

}  // namespace vmleak
