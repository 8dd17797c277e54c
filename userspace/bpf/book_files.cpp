// SPDX-License-Identifier: Apache-2.0
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "bpf/book_parts.h"
#include "bpf/file_type_table.h"

namespace vmleak {
namespace {

constexpr std::uint32_t kModeWrite = 0x2;  // FMODE_WRITE

std::string path_of(const vmleak_file& file) {
  const std::string name = file.name;
  switch (file.file_type) {
    case VMLEAK_FILE_KVM_CHARDEV:
      return "/dev/kvm";
    case VMLEAK_FILE_VFIO_GROUP:
      return "/dev/vfio/" + name;
    case VMLEAK_FILE_VFIO_CONTAINER:
      return "/dev/vfio/vfio";
    case VMLEAK_FILE_IOMMUFD:
      return "/dev/iommu";
    case VMLEAK_FILE_VHOST_NET:
    case VMLEAK_FILE_VHOST_VSOCK:
    case VMLEAK_FILE_VHOST_SCSI:
    case VMLEAK_FILE_VHOST_VDPA:
      return "/dev/" + name;
    case VMLEAK_FILE_TUN:
      return "/dev/net/tun";
    case VMLEAK_FILE_SOCKET:
      return "socket:[" + std::to_string(file.i_ino) + "]";
    case VMLEAK_FILE_KVM_DEBUGFS:
    case VMLEAK_FILE_KVM_DEBUGFS_MMU:
      return "debugfs file " + name;
    case VMLEAK_FILE_IMAGE:
      return name;
    default:
      return "anon_inode:" + name;
  }
}

// Files whose every holder is looked for, so that their count can be balanced.
bool is_balanced(std::uint32_t type) {
  switch (type) {
    case VMLEAK_FILE_SOCKET:
    case VMLEAK_FILE_TUN:
    case VMLEAK_FILE_IMAGE:
    case VMLEAK_FILE_KVM_DEBUGFS:
    case VMLEAK_FILE_KVM_DEBUGFS_MMU:
    case VMLEAK_FILE_KVM_CHARDEV:
      return false;
    default:
      return true;
  }
}

struct HoldClass {
  std::uint32_t hold;
  std::string_view cls;
  bool by_process;
  std::string_view detail;
};

constexpr std::array kHoldClasses = std::to_array<HoldClass>({
    {VMLEAK_HOLD_IN_FLIGHT, "file/in-flight", false, "in flight"},
    {VMLEAK_HOLD_IO_URING_FIXED, "file/io-uring-fixed", false, "registered file"},
    {VMLEAK_HOLD_IO_URING_REGISTERED, "file/io-uring-registered", true, "registered ring"},
    {VMLEAK_HOLD_KVM_VFIO, "file/kvm-vfio", false, "added to kvm-vfio"},
    {VMLEAK_HOLD_VHOST_BACKEND, "file/vhost-backend", false, "backend"},
    {VMLEAK_HOLD_VHOST_KICK, "file/vhost-kick", false, "kick"},
    {VMLEAK_HOLD_PENDING_FPUT, "file/pending-fput", true, "release pending"},
});

}  // namespace

Node* BookParts::add_file(const vmleak_file& file) {
  if (file.file == 0 || file.file_type == VMLEAK_FILE_OTHER) return nullptr;
  if (auto* known = find(file.file); known != nullptr) {
    for (auto& counter : known->counters) counter.value = file.f_count;  // the latest reading
    return known;
  }
  OpenFileFacts facts;
  facts.type = file_type_name(file.file_type);
  facts.path = path_of(file);
  facts.writable = (file.f_mode & kModeWrite) != 0;
  auto& made = node(NodeKind::kOpenFile, file.file, {}, facts);
  made.name = facts.path;
  if (is_balanced(file.file_type)) made.counters = {{"f_count", file.f_count, 0}};
  const NodeId id = made.id;
  if (file.module[0] != '\0') {
    refer(id, module(file.module), "module/file");
    // Unlike a misc device, a character device of its own keeps its module twice.
    if (file.file_type == VMLEAK_FILE_VFIO_GROUP) refer(id, module(file.module), "module/cdev");
  }
  keep_object(file, id);
  return find(file.file);
}

void BookParts::add_kvm_file(const vmleak_file& file, const NodeId& holder) {
  if (file.file_type == VMLEAK_FILE_KVM_DEVICE) device_files_.emplace(file.via, holder);
  const auto cls = file.file_type == VMLEAK_FILE_KVM_DEBUGFS_MMU
                       ? std::string_view("kvm/debugfs-file")
                       : file_type_name(file.file_type);
  refer(holder, id_of(file.object), cls);
}

// What an open file of this type keeps besides itself.
void BookParts::keep_object(const vmleak_file& file, const NodeId& holder) {
  switch (file.file_type) {
    case VMLEAK_FILE_KVM_VM:
    case VMLEAK_FILE_KVM_VCPU:
    case VMLEAK_FILE_KVM_DEVICE:
    case VMLEAK_FILE_KVM_VM_STATS:
    case VMLEAK_FILE_KVM_VCPU_STATS:
    case VMLEAK_FILE_KVM_GUEST_MEMFD:
    case VMLEAK_FILE_KVM_DEBUGFS:
    case VMLEAK_FILE_KVM_DEBUGFS_MMU:
      return add_kvm_file(file, holder);
    case VMLEAK_FILE_VFIO_GROUP:
      return refer(holder, id_of(file.object), "vfio-group/file");
    case VMLEAK_FILE_VFIO_CONTAINER:
      return refer(holder, id_of(file.object), "vfio-container/file");
    case VMLEAK_FILE_VFIO_DEVICE:
      refer(holder, id_of(file.object), "vfio-device/file");
      return refer(holder, id_of(file.object), "vfio-device/open");
    case VMLEAK_FILE_EVENTFD:
      return refer(holder, id_of(file.object), "eventfd/file");
    case VMLEAK_FILE_IO_URING: {
      IoUringFacts facts;
      facts.fixed_files = file.detail;
      const NodeId ring = node(NodeKind::kIoUring, file.object, {}, facts).id;
      find(file.object)->name = "io_uring";
      return refer(holder, ring, "io-uring/ring-file");
    }
    case VMLEAK_FILE_IMAGE: {
      FileFacts facts;
      facts.path = file.name;  // the last part; /proc knows the rest
      facts.device = gnu_dev_makedev(file.s_dev >> 20, file.s_dev & 0xfffff);
      facts.size_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(file.i_size, 0));
      facts.inode = file.i_ino;
      const NodeId image = node(NodeKind::kFile, file.object, {}, facts).id;
      find(file.object)->name = file.name;
      return refer(holder, image, "image/open-file");
    }
    default:
      return;
  }
}

void BookParts::add_files() {
  for (const auto& file : records_.files) add_file(file);
  for (const auto& mapping : records_.mappings) add_file(mapping.file);
  for (const auto& hold : records_.holds) add_file(hold.file);
  add_file_descriptors();  // last: the iterator pins what it reads
}

void BookParts::add_file_descriptors() {
  for (const auto& record : records_.fds) {
    if (record.tgid == records_.own_tgid) continue;
    const auto* file = add_file(record.file);
    if (file == nullptr || !descriptors_.emplace(record.table, record.fd).second) continue;
    const NodeId held = file->id;
    refer(process(record.tgid), held, "file/fd", 1,
          record.tid == record.tgid ? fmt::format("fd {}", record.fd)
                                    : fmt::format("fd {} of thread {}", record.fd, record.tid));
  }
}

void BookParts::add_holds() {
  for (const auto& hold : records_.holds) {
    const auto* row = std::find_if(kHoldClasses.begin(), kHoldClasses.end(),
                                   [&hold](const auto& entry) { return entry.hold == hold.hold; });
    if (row == kHoldClasses.end()) continue;  // VMLEAK_HOLD_GROUP_OPENED: add_vfio()
    const NodeId held = id_of(hold.file.file);
    if (held.empty()) continue;  // a file of no interest
    NodeId holder = row->by_process ? process(hold.tgid) : id_of(hold.holder);
    if (hold.hold == VMLEAK_HOLD_KVM_VFIO) {
      const NodeId found = holder_of_kvm_vfio(hold.holder);
      if (!found.empty()) holder = found;
    }
    if (hold.hold == VMLEAK_HOLD_IO_URING_FIXED && holder.empty()) {
      holder = node(NodeKind::kIoUring, hold.holder, {}, IoUringFacts{}).id;
      find(hold.holder)->name = "io_uring";
    }
    refer(holder, held, row->cls, 1, std::string(row->detail));
  }
  add_ring_submitters();
}

// A ring without an open file in sight lives by a mapping of its memory; the
// task that submits to it is who has that.
void BookParts::add_ring_submitters() {
  std::set<NodeId> with_file;
  for (const auto& reference : book_.references) {
    if (reference.cls == "io-uring/ring-file") with_file.insert(reference.held);
  }
  std::set<std::pair<std::uint32_t, NodeId>> seen;
  for (const auto& hold : records_.holds) {
    if (hold.hold != VMLEAK_HOLD_IO_URING_SUBMITTER) continue;
    const NodeId ring = id_of(hold.holder);
    if (ring.empty() || with_file.contains(ring)) continue;
    if (seen.emplace(hold.tgid, ring).second) refer(process(hold.tgid), ring, "io-uring/submitter");
  }
}

void BookParts::add_mappings() {
  for (const auto& mapping : records_.mappings) {
    refer(id_of(mapping.mm), id_of(mapping.file.file), "file/mapping", 1,
          fmt::format("mapping of {} KiB at offset 0x{:x}", mapping.bytes / 1024, mapping.offset));
  }
}

void BookParts::add_vhost() {
  for (const auto& record : records_.vhosts) {
    refer(id_of(record.file), id_of(record.mm), "mm/vhost", 1,
          record.worker_tid > 0
              ? fmt::format("worker {} ({})", record.worker_comm, record.worker_tid)
              : std::string());
  }
}

}  // namespace vmleak
