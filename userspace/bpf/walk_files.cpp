// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "bpf/kernel_walker.h"

namespace vmleak {

namespace {

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

}  // namespace

void KernelWalker::watch_inode(std::uint64_t inode) {
  if (auto done = programs_.watch_inode(inode); !done) {
    add_loss(done.error().message, 1, {NodeKind::kFile});
  }
}

void KernelWalker::read_images(std::uint32_t tgid) {
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

void KernelWalker::watch_images_of_owners() {
  for (std::size_t i = 0; i < records_.kvms.size(); ++i) {
    const auto before = records_.mms.size();
    learn_mm(records_.kvms[i].mm);
    if (records_.mms.size() > before && records_.mms.back().owner_tgid > 0) {
      read_images(static_cast<std::uint32_t>(records_.mms.back().owner_tgid));
    }
  }
}

void KernelWalker::read_images_of_other_holders() {
  std::set<std::uint32_t> holders;
  for (const auto& fd : records_.fds) {
    if (is_kvm(fd.file.file_type)) holders.insert(fd.tgid);
  }
  for (const auto tgid : holders) read_images(tgid);
}

void KernelWalker::learn_file(const vmleak_file& file) {
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

void KernelWalker::learn_ring(std::uint64_t ring) {
  if (ring != 0 && rings_.insert(ring).second) {
    run(Run::kIoUring, ring, 0, {NodeKind::kOpenFile});
  }
}

void KernelWalker::walk_socket(std::uint64_t sock, std::uint64_t file) {
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

void KernelWalker::follow_new_files() {
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

void KernelWalker::read_kvm_devices(std::uint64_t kvm) {
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

void KernelWalker::read_mappings() {
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

}  // namespace vmleak
