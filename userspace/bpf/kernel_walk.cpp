// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_walk.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace vmleak {
namespace {

using Run = SnapshotPrograms::Run;
using Iterate = SnapshotPrograms::Iterate;

// Walks of a list that changes are repeated this often.
constexpr int kTries = 4;

bool is_mappable(std::uint32_t type) {
  switch (type) {
    case VMLEAK_FILE_KVM_VM:
    case VMLEAK_FILE_KVM_VCPU:
    case VMLEAK_FILE_KVM_GUEST_MEMFD:
    case VMLEAK_FILE_VFIO_DEVICE:
    case VMLEAK_FILE_VFIO_CONTAINER:
    case VMLEAK_FILE_VFIO_GROUP:
    case VMLEAK_FILE_IO_URING:
      return true;
    default:
      return false;
  }
}

bool is_kvm(std::uint32_t type) {
  return type >= VMLEAK_FILE_KVM_VM && type <= VMLEAK_FILE_KVM_DEBUGFS_MMU;
}

bool is_vhost(std::uint32_t type) {
  return type >= VMLEAK_FILE_VHOST_NET && type <= VMLEAK_FILE_VHOST_VDPA;
}

class Walk {
 public:
  Walk(SnapshotPrograms& programs, const WalkEntries& entries)
      : programs_(programs), entries_(entries) {}

  Result<KernelRecords> read() {
    records_.own_tgid = static_cast<std::uint32_t>(::getpid());
    const auto files_before = programs_.files_walked();
    const auto lost_before = programs_.records_lost();
    read_virtual_machines();
    read_own_descriptors();
    read_vfio();
    watch_images_of_owners();
    const auto tables_read = programs_.iterate(Iterate::kFiles, 0, records_);
    if (!tables_read) return tables_read.error();
    read_images_of_other_holders();
    follow_new_files();
    read_mappings();
    follow_new_files();
    read_tasks();
    read_address_spaces();
    records_.files_walked = programs_.files_walked() - files_before;
    if (const auto lost = programs_.records_lost() - lost_before; lost != 0) {
      add_loss("records that did not fit in the buffer", static_cast<std::int64_t>(lost), {});
    }
    return std::move(records_);
  }

 private:
  void add_loss(std::string what, std::int64_t count, std::vector<NodeKind> kinds) {
    records_.losses.push_back({std::move(what), count, std::move(kinds)});
  }

  // A program that fails leaves out what it should have read.
  void run(Run program, std::uint64_t address, std::uint64_t extra,
           const std::vector<NodeKind>& kinds) {
    if (!programs_.has(program)) return;
    if (auto done = programs_.run(program, address, extra, records_); !done) {
      add_loss(done.error().message, 1, kinds);
    }
  }

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

  void read_virtual_machines() {
    const auto known = records_.kvms.size();
    repeat(
        false, "the list of virtual machines", {NodeKind::kKvm},
        [this] { run(Run::kVmList, 0, 0, {NodeKind::kKvm}); },
        [this, known] { records_.kvms.resize(known); });
    for (const auto& kvm : records_.kvms) kvms_.insert(kvm.kvm);
  }

  void read_own_descriptors() {
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

  // The pointer behind a debugfs file counts when the VM there was made by the
  // process that the directory is named after.
  void learn_vm(const WalkEntries::VmDirectory& vm, std::uint64_t kvm) {
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

  void read_vfio() {
    const std::vector<NodeKind> kinds = {NodeKind::kVfioGroup, NodeKind::kVfioDevice};
    repeat(
        false, "the list of VFIO groups", kinds,
        [this, &kinds] { run(Run::kVfioGroups, 0, 0, kinds); },
        [this] { records_.vfio_groups.clear(); });
    for (std::size_t i = 0; i < records_.vfio_groups.size(); ++i) {
      learn_group(vmleak_vfio_group_record(records_.vfio_groups[i]));
    }
  }

  void learn_group(const vmleak_vfio_group_record& group) {
    const std::vector<NodeKind> kinds = {NodeKind::kVfioGroup, NodeKind::kVfioDevice};
    const auto devices = records_.vfio_devices.size();
    const auto holds = records_.holds.size();
    vfio_groups_.insert(group.group);
    repeat(
        false, "the devices of a VFIO group", kinds,
        [&] { run(Run::kVfioGroupParts, group.group, 0, kinds); },
        [&] {
          records_.vfio_devices.resize(devices);
          records_.holds.resize(holds);
        });
    for (auto i = devices; i < records_.vfio_devices.size(); ++i) {
      vfio_devices_.insert(records_.vfio_devices[i].device);
    }
    learn_container(group.container);
    const bool known =
        std::any_of(records_.iommu_groups.begin(), records_.iommu_groups.end(),
                    [&group](const auto& other) { return other.group == group.iommu_group; });
    if (group.iommu_group != 0 && !known) {
      run(Run::kIommuGroup, group.iommu_group, 0, {NodeKind::kIommuGroup});
    }
  }

  void learn_container(std::uint64_t container) {
    if (container == 0 || !containers_.insert(container).second) return;
    run(Run::kVfioContainer, container, 0, {NodeKind::kVfioContainer});
    if (!records_.vfio_containers.empty() &&
        std::string_view(records_.vfio_containers.back().driver) == "vfio-iommu-type1") {
      run(Run::kVfioDma, container, 0, {NodeKind::kVfioContainer});
    }
  }

  void watch_inode(std::uint64_t inode) {
    if (auto done = programs_.watch_inode(inode); !done) {
      add_loss(done.error().message, 1, {NodeKind::kFile});
    }
  }

  // The open files of one process that may be disk images.
  void read_images(std::uint32_t tgid) {
    if (!image_tgids_.insert(tgid).second) return;
    const auto before = records_.fds.size();
    programs_.report_images(true);
    // The process may be gone by now, that is no error.
    auto done = programs_.iterate(Iterate::kFiles, tgid, records_);
    programs_.report_images(false);
    if (!done && done.error().code != ESRCH && done.error().code != ENOENT) {
      add_loss(done.error().message, 1, {NodeKind::kFile});
    }
    for (auto i = before; i < records_.fds.size(); ++i) {
      if (records_.fds[i].file.file_type == VMLEAK_FILE_IMAGE) {
        watch_inode(records_.fds[i].file.inode);
      }
    }
  }

  // Before the walk of all tables, so that one walk finds everybody else who
  // has the same images open.
  void watch_images_of_owners() {
    for (std::size_t i = 0; i < records_.kvms.size(); ++i) {
      const auto before = records_.mms.size();
      learn_mm(records_.kvms[i].mm);
      if (records_.mms.size() > before && records_.mms.back().owner_tgid > 0) {
        read_images(static_cast<std::uint32_t>(records_.mms.back().owner_tgid));
      }
    }
  }

  // Whoever has a VM's file open may have its disks open too.
  void read_images_of_other_holders() {
    std::set<std::uint32_t> holders;
    for (const auto& fd : records_.fds) {
      if (is_kvm(fd.file.file_type)) holders.insert(fd.tgid);
    }
    for (const auto tgid : holders) read_images(tgid);
  }

  void learn_mm(std::uint64_t mm) {
    if (mm != 0 && mms_.insert(mm).second) run(Run::kMm, mm, 0, {NodeKind::kMm});
  }

  void learn_file(const vmleak_file& file) {
    if (file.file == 0 || !files_.insert(file.file).second) return;
    if (is_mappable(file.file_type) && file.mapping != 0) mappings_.insert(file.mapping);
    if (file.object == 0 && file.file_type != VMLEAK_FILE_SOCKET) return;
    if (is_kvm(file.file_type) && kvms_.insert(file.object).second) {
      run(Run::kKvm, file.object, 0, {NodeKind::kKvm});
    }
    if (file.file_type == VMLEAK_FILE_SOCKET) {
      walk_socket(file.via, file.file);
    } else if (file.file_type == VMLEAK_FILE_IO_URING) {
      learn_ring(file.object);
    } else if (is_vhost(file.file_type)) {
      run(Run::kVhost, file.file, file.file_type, {NodeKind::kMm, NodeKind::kOpenFile});
    } else if (file.file_type == VMLEAK_FILE_VFIO_CONTAINER) {
      learn_container(file.object);
    } else if (file.file_type == VMLEAK_FILE_VFIO_GROUP) {
      if (vfio_groups_.insert(file.object).second) {
        run(Run::kVfioGroup, file.object, 0, {NodeKind::kVfioGroup});
        if (!records_.vfio_groups.empty()) {
          learn_group(vmleak_vfio_group_record(records_.vfio_groups.back()));
        }
      }
    } else if (file.file_type == VMLEAK_FILE_VFIO_DEVICE) {
      if (vfio_devices_.insert(file.object).second) {
        run(Run::kVfioDevice, file.object, 0, {NodeKind::kVfioDevice});
      }
    }
  }

  void learn_ring(std::uint64_t ring) {
    if (ring != 0 && rings_.insert(ring).second) {
      run(Run::kIoUring, ring, 0, {NodeKind::kOpenFile});
    }
  }

  void walk_socket(std::uint64_t sock, std::uint64_t file) {
    const auto holds = records_.holds.size();
    const auto embryos = records_.embryos.size();
    repeat(
        false, "the queue of a unix socket", {NodeKind::kOpenFile},
        [this, sock, file] { run(Run::kSocket, sock, file, {NodeKind::kOpenFile}); },
        [this, holds, embryos] {
          records_.holds.resize(holds);
          records_.embryos.resize(embryos);
        });
    for (auto i = embryos; i < records_.embryos.size(); ++i) {
      if (records_.embryos[i].sock != 0) walk_socket(records_.embryos[i].sock, file);
    }
  }

  // Everything that became known, and what that leads to, until nothing is new.
  void follow_new_files() {
    for (bool more = true; std::exchange(more, false);) {
      for (; next_fd_ < records_.fds.size(); ++next_fd_, more = true) {
        learn_file(vmleak_file(records_.fds[next_fd_].file));
      }
      for (; next_hold_ < records_.holds.size(); ++next_hold_, more = true) {
        const auto& hold = records_.holds[next_hold_];
        if (hold.hold == VMLEAK_HOLD_IO_URING_SUBMITTER) {
          learn_ring(std::uint64_t(hold.holder));
        } else {
          learn_file(vmleak_file(hold.file));
        }
      }
      for (; next_mapping_ < records_.mappings.size(); ++next_mapping_, more = true) {
        learn_file(vmleak_file(records_.mappings[next_mapping_].file));
      }
      for (; next_kvm_ < records_.kvms.size(); ++next_kvm_, more = true) {
        read_kvm_devices(records_.kvms[next_kvm_].kvm);
      }
    }
  }

  void read_kvm_devices(std::uint64_t kvm) {
    const auto devices = records_.kvm_vfios.size();
    repeat(
        false, "the devices of a virtual machine", {NodeKind::kOpenFile},
        [this, kvm] { run(Run::kKvmDevices, kvm, 0, {NodeKind::kOpenFile}); },
        [this, devices] { records_.kvm_vfios.resize(devices); });
    for (auto i = devices; i < records_.kvm_vfios.size(); ++i) {
      const auto device = records_.kvm_vfios[i];
      records_.kvm_of_device.emplace(device.device, kvm);
      const auto holds = records_.holds.size();
      repeat(
          false, "the files of a kvm-vfio device", {NodeKind::kOpenFile},
          [this, &device] {
            run(Run::kKvmVfio, device.kvm_vfio, device.device, {NodeKind::kOpenFile});
          },
          [this, holds] { records_.holds.resize(holds); });
    }
  }

  void read_mappings() {
    for (const auto& device : records_.vfio_devices) {
      if (device.mapping != 0) mappings_.insert(device.mapping);
    }
    for (const auto mapping : mappings_) {
      const auto before = records_.mappings.size();
      repeat(
          true, "the mappings of a file", {NodeKind::kOpenFile, NodeKind::kMm},
          [this, mapping] {
            run(Run::kMappings, mapping, 0, {NodeKind::kOpenFile, NodeKind::kMm});
          },
          [this, before] { records_.mappings.resize(before); });
      if (!records_.walks.empty()) records_.mappings_walked += records_.walks.back().visited;
    }
  }

  void watch(std::uint64_t key) {
    if (key == 0 || !watched_.insert(key).second) return;
    if (auto done = programs_.watch_task_key(key); !done) {
      add_loss(done.error().message, 1, {NodeKind::kProcess});
    }
  }

  void watch_tasks() {
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

  // Tasks may show rings that lead to further files, whose tasks are wanted
  // too; twice is enough, for what a ring holds is not in another task's hands.
  void read_tasks() {
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
                 hold.hold == VMLEAK_HOLD_IO_URING_SUBMITTER ||
                 hold.hold == VMLEAK_HOLD_PENDING_FPUT;
        });
        next_hold_ = records_.holds.size();
      }
    }
  }

  void read_address_spaces() {
    for (const auto& kvm : records_.kvms) learn_mm(kvm.mm);
    for (const auto& mapping : records_.mappings) learn_mm(mapping.mm);
    for (const auto& vhost : records_.vhosts) learn_mm(vhost.mm);
  }

  SnapshotPrograms& programs_;
  const WalkEntries& entries_;
  KernelRecords records_;
  std::set<std::uint64_t> kvms_, vfio_groups_, vfio_devices_, containers_, rings_, mms_, files_,
      mappings_, watched_;
  std::set<std::uint32_t> image_tgids_;
  std::size_t next_fd_ = 0, next_hold_ = 0, next_mapping_ = 0, next_kvm_ = 0;
};

}  // namespace

Result<KernelRecords> walk_kernel(SnapshotPrograms& programs, const WalkEntries& entries) {
  return Walk(programs, entries).read();
}

}  // namespace vmleak
