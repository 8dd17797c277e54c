// SPDX-License-Identifier: Apache-2.0
#include "bpf/file_type_table.h"

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

constexpr std::array kFileTypes = std::to_array<FileTypeRow>({
    {VMLEAK_FILE_KVM_CHARDEV, "kvm/chardev", "kvm_dev_ioctl"},
    {VMLEAK_FILE_KVM_VM, "kvm/vm-file", "kvm_vm_release"},
    {VMLEAK_FILE_KVM_VCPU, "kvm/vcpu-file", "kvm_vcpu_release"},
    {VMLEAK_FILE_KVM_DEVICE, "kvm/device-file", "kvm_device_release"},
    {VMLEAK_FILE_KVM_VM_STATS, "kvm/vm-stats-file", "kvm_vm_stats_release"},
    {VMLEAK_FILE_KVM_VCPU_STATS, "kvm/vcpu-stats-file", "kvm_vcpu_stats_release"},
    {VMLEAK_FILE_KVM_GUEST_MEMFD, "kvm/guest-memfd-file", "kvm_gmem_release"},
    {VMLEAK_FILE_KVM_DEBUGFS, "kvm/debugfs-file", "kvm_debugfs_release"},
    {VMLEAK_FILE_KVM_DEBUGFS_MMU, "kvm/debugfs-mmu-file", "kvm_mmu_rmaps_stat_release"},
    {VMLEAK_FILE_VFIO_GROUP, "vfio/group-file", "vfio_group_fops_release"},
    {VMLEAK_FILE_VFIO_CONTAINER, "vfio/container-file", "vfio_fops_release"},
    {VMLEAK_FILE_VFIO_DEVICE, "vfio/device-file", "vfio_device_fops_release"},
    {VMLEAK_FILE_IOMMUFD, "iommufd/file", "iommufd_fops_release"},
    {VMLEAK_FILE_VHOST_NET, "vhost/net-file", "vhost_net_release"},
    {VMLEAK_FILE_VHOST_VSOCK, "vhost/vsock-file", "vhost_vsock_dev_release"},
    {VMLEAK_FILE_VHOST_SCSI, "vhost/scsi-file", "vhost_scsi_release"},
    {VMLEAK_FILE_VHOST_VDPA, "vhost/vdpa-file", "vhost_vdpa_release"},
    {VMLEAK_FILE_TUN, "tun/file", "tun_chr_close"},
    {VMLEAK_FILE_IO_URING, "io-uring/ring-file", "io_uring_release"},
    {VMLEAK_FILE_SOCKET, "socket", "sock_close"},
    {VMLEAK_FILE_DEBUGFS, "debugfs", "full_proxy_release"},
    {VMLEAK_FILE_EVENTFD, "eventfd/file", "eventfd_release"},
    {VMLEAK_FILE_IMAGE, "image", ""},  // recognised by its inode
});

}  // namespace

std::span<const FileTypeRow> file_type_table() { return kFileTypes; }

std::string_view file_type_name(std::uint32_t type) {
  const auto* row = std::find_if(kFileTypes.begin(), kFileTypes.end(),
                                 [type](const auto& entry) { return entry.type == type; });
  return row == kFileTypes.end() ? "?" : row->name;
}

}  // namespace vmleak
