// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/kinds.h"

namespace vmleak {

// "<kind>:<id>", e.g. "vfio_group:42", "kvm:8d2f31c09a77", "process:4711".
// Unique within a book; the same kernel object has the same NodeId in every
// book of a snapshot.
using NodeId = std::string;

// struct kvm.
struct KvmFacts {
  std::int64_t creator_pid = 0;  // kvm->userspace_pid: the task that called KVM_CREATE_VM
  std::string stats_id;          // kvm->stats_id, e.g. "kvm-4711"
  std::string debugfs_name;      // "PID-FD"; empty when debugfs has no entry
  NodeId mm;                     // the only address space KVM takes ioctls from
  std::int64_t vcpus = 0;
  std::uint64_t memory_bytes = 0;  // nr_memslot_pages * 4096
  bool dying = false;              // users_count 0, still in kvm_destroy_vm
};

// struct vfio_group.
struct VfioGroupFacts {
  std::int64_t number = -1;  // of the IOMMU group, N of /dev/vfio/N; -1: all its devices have left
  NodeId iommu_group;
  NodeId open_file;  // vfio_group.opened_file; empty when the group is not open
  NodeId kvm;        // vfio_group.kvm; empty when none
  NodeId container;  // empty when not attached
};

// struct vfio_device.
struct VfioDeviceFacts {
  std::string pci_address;  // dev_name(device->dev), e.g. "0000:8a:00.0"
  std::string driver;       // e.g. "vfio-pci"
  NodeId group;
  NodeId kvm;  // vfio_device.kvm; empty when none
  bool registered = true;
};

// One process that mapped DMA memory into a container: vfio_dma.task.
struct DmaUser {
  std::int64_t pid = 0;  // thread group id at the time of mapping
  std::string comm;
  NodeId mm;
  bool exited = false;      // the task no longer runs
  std::uint64_t bytes = 0;  // sum of vfio_dma.size
};

// struct vfio_container.
struct VfioContainerFacts {
  std::string iommu_driver;  // "vfio_iommu_type1"; empty when not set
  std::vector<DmaUser> dma_users;
};

struct IommuGroupMember {
  std::string address;  // PCI address or other device name
  std::string name;     // vendor and device, from the PCI ID list
  std::string driver;   // empty when unbound
  // The driver leaves DMA ownership to its user (vfio-pci, pci-stub,
  // pcieport), so it does not make the group unusable for VFIO.
  bool driver_managed_dma = false;
};

// struct iommu_group.
struct IommuGroupFacts {
  std::int64_t number = -1;
  std::vector<IommuGroupMember> members;
  NodeId owner;        // the vfio_group that claimed DMA ownership; empty when none
  bool viable = true;  // no member is bound to a driver that owns its DMA
};

// struct mm_struct.
struct MmFacts {
  std::int64_t owner_pid = 0;  // mm->owner, or 0 when it is gone
  std::string owner_comm;
  std::uint64_t mapped_bytes = 0;  // mm->total_vm
};

// struct module.
struct ModuleFacts {
  std::vector<std::string> dependents;  // modules that use it: /proc/modules
};

// A disk image: one inode that a VM's process has open.
struct FileFacts {
  std::string path;
  std::uint64_t device = 0;  // st_dev
  std::uint64_t inode = 0;   // st_ino
  std::uint64_t size_bytes = 0;
  bool deleted = false;
};

// struct file.
struct OpenFileFacts {
  std::string type;  // file class, e.g. "kvm/vcpu-file"; see the class table
  std::string path;  // as /proc/PID/fd shows it, e.g. "anon_inode:kvm-vm", "/dev/vfio/42"
  bool writable = false;
};

// What a VMM's command line or cgroup says about the VM a process runs.
struct VmIdentity {
  std::string name;    // empty when unknown
  std::string uuid;    // empty when unknown
  std::string vmm;     // "qemu", "cloud-hypervisor", "firecracker", "crosvm"; empty when unknown
  std::string source;  // "command line", "cgroup"; empty when nothing is known
};

// A thread group (kProcess) or a kernel thread.
struct ProcessFacts {
  std::int64_t pid = 0;  // thread group id
  std::string comm;
  std::string state;         // as in /proc/PID/stat: "R", "S", "D", "Z", ...; worst of the threads
  bool exiting = false;      // every live thread has PF_EXITING
  std::int64_t threads = 0;  // threads that are not dead
  NodeId mm;                 // empty for kernel threads and after exit_mm
  std::uint64_t start_time_ns = 0;  // since boot
  std::string command_line;         // arguments joined by spaces, cut at 4096 bytes
  std::string cgroup;
  std::string unit;      // systemd unit, e.g. "spdk.service"
  std::string pod;       // Kubernetes pod UID
  std::string pod_name;  // "default/web-1"; empty when unknown
  VmIdentity vm;
};

// struct io_ring_ctx.
struct IoUringFacts {
  std::int64_t fixed_files = 0;  // size of the registered file table
};

// struct eventfd_ctx.
struct EventfdFacts {
  std::int64_t number = -1;  // eventfd_ctx.id, "eventfd-id" in fdinfo
};

struct DriverFacts {};

using Facts = std::variant<KvmFacts, VfioGroupFacts, VfioDeviceFacts, VfioContainerFacts,
                           IommuGroupFacts, MmFacts, ModuleFacts, FileFacts, OpenFileFacts,
                           ProcessFacts, IoUringFacts, EventfdFacts, DriverFacts>;

// One reference count as read from kernel memory.
struct Counter {
  std::string name;        // the kernel's field, e.g. "users_count", "f_count"
  std::int64_t value = 0;  // the iterator's own reference is already taken off
  // References that tasks inside a system call may hold for its duration and
  // that no walker can attribute: 0 to this many.
  std::int64_t bound = 0;
};

struct Node {
  NodeId id;
  NodeKind kind = NodeKind::kOpenFile;
  std::string name;  // for people, e.g. "0000:8a:00.0 NVIDIA A100"
  // Hash of the boot id, the kernel address and what makes it unique; tells an
  // object from a later one with the same id.
  std::string instance;
  std::uint64_t address = 0;  // kernel address; 0 unless asked for
  std::vector<Counter> counters;
  Facts facts;
};

// One visible reference: `holder` keeps `held`.
struct Reference {
  NodeId holder;
  NodeId held;
  std::string counter;  // counter of `held` that this is part of; empty when it is not counted
  std::string cls;      // class, e.g. "kvm/vcpu-file", "file/fd"; see the class table
  std::int64_t count = 1;
  // False when the holder may, but need not, have the reference right now
  // (a task inside a system call on that file).
  bool certain = true;
  std::string detail;  // for people: "fd 18", "mapping of 32 GiB at offset 0"
};

inline NodeId make_node_id(NodeKind kind, std::string_view id) {
  return std::string(to_string(kind)) + ":" + std::string(id);
}

// The part of a NodeId behind the kind.
inline std::string_view local_id(const NodeId& id) {
  return std::string_view(id).substr(id.find(':') + 1);
}

}  // namespace vmleak
