// SPDX-License-Identifier: Apache-2.0
#include "model/reference_class.h"

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

using enum NodeKind;

constexpr std::array kClasses = std::to_array<ReferenceClass>({
    // name                       held            counter        structural  taken in / dropped in
    {"kvm/vm-file", kKvm, "users_count", false, "kvm_dev_ioctl", "kvm_vm_release"},
    {"kvm/vcpu-file", kKvm, "users_count", false, "kvm_vm_ioctl", "kvm_vcpu_release"},
    {"kvm/device-file", kKvm, "users_count", false, "kvm_vm_ioctl", "kvm_device_release"},
    {"kvm/vm-stats-file", kKvm, "users_count", false, "kvm_vm_ioctl", "kvm_vm_stats_release"},
    {"kvm/vcpu-stats-file", kKvm, "users_count", false, "kvm_vcpu_ioctl", "kvm_vcpu_stats_release"},
    {"kvm/guest-memfd-file", kKvm, "users_count", false, "kvm_gmem_create", "kvm_gmem_release"},
    {"kvm/debugfs-file", kKvm, "users_count", false, "kvm_stat_data_open", "kvm_debugfs_release"},
    {"kvm/vfio-device", kKvm, "users_count", false, "vfio_device_get_kvm_safe",
     "vfio_device_put_kvm"},
    {"kvm/sev-mirror", kKvm, "users_count", false, "sev_vm_copy_enc_context_from",
     "sev_vm_destroy"},

    {"file/fd", kOpenFile, "f_count", false, "fd_install", "filp_close"},
    {"file/mapping", kOpenFile, "f_count", false, "mmap_region", "remove_vma"},
    {"file/in-flight", kOpenFile, "f_count", false, "unix_scm_to_skb", "__scm_destroy"},
    {"file/io-uring-fixed", kOpenFile, "f_count", false, "io_sqe_files_register",
     "io_sqe_files_unregister"},
    {"file/io-uring-registered", kOpenFile, "f_count", false, "io_ringfd_register",
     "io_ringfd_unregister"},
    {"file/kvm-vfio", kOpenFile, "f_count", false, "kvm_vfio_set_attr", "kvm_vfio_release"},
    {"file/vfio-device-open", kOpenFile, "f_count", false, "vfio_group_use_container",
     "vfio_group_unuse_container"},
    {"file/vhost-backend", kOpenFile, "f_count", false, "vhost_net_ioctl", "vhost_net_release"},
    {"file/vhost-kick", kOpenFile, "f_count", false, "vhost_vring_ioctl", "vhost_dev_cleanup"},
    {"file/in-syscall", kOpenFile, "f_count", false, "fdget", "fdput"},
    {"file/pending-fput", kOpenFile, "", false, "fput", "____fput"},

    {"vfio-device/registered", kVfioDevice, "refcount", true, "vfio_register_group_dev",
     "vfio_unregister_group_dev"},
    {"vfio-device/file", kVfioDevice, "refcount", false, "vfio_device_try_get_registration",
     "vfio_device_fops_release"},
    {"vfio-device/open", kVfioDevice, "open_count", false, "vfio_df_open", "vfio_df_close"},

    {"vfio-group/device", kVfioGroup, "drivers", true, "vfio_register_group_dev",
     "vfio_device_remove_group"},
    {"vfio-group/attached", kVfioGroup, "container_users", false, "vfio_container_attach_group",
     "vfio_group_detach_container"},
    {"vfio-group/open-device", kVfioGroup, "container_users", false, "vfio_group_use_container",
     "vfio_group_unuse_container"},
    {"vfio-group/file", kVfioGroup, "opened_file", false, "vfio_group_fops_open",
     "vfio_group_fops_release"},

    {"vfio-container/file", kVfioContainer, "kref", false, "vfio_fops_open", "vfio_fops_release"},
    {"vfio-container/group", kVfioContainer, "kref", false, "vfio_container_attach_group",
     "vfio_group_detach_container"},

    {"iommu-group/vfio-owner", kIommuGroup, "owner_cnt", false, "iommu_group_claim_dma_owner",
     "iommu_group_release_dma_owner"},
    {"iommu-group/driver", kIommuGroup, "owner_cnt", true, "iommu_device_use_default_domain",
     "iommu_device_unuse_default_domain"},
    {"iommu-group/member", kIommuGroup, "devices_kobj", true, "iommu_group_add_device",
     "iommu_group_remove_device"},
    {"iommu-group/vfio-group", kIommuGroup, "devices_kobj", true, "vfio_create_group",
     "vfio_device_remove_group"},

    {"mm/task", kMm, "mm_users", false, "copy_mm", "exit_mm"},
    {"mm/vhost", kMm, "mm_users", false, "vhost_dev_set_owner", "vhost_detach_mm"},

    {"module/file", kModule, "refcount", false, "fops_get", "__fput"},
    {"module/cdev", kModule, "refcount", false, "chrdev_open", "cdev_put"},
    {"module/file-system", kModule, "refcount", true, "simple_pin_fs", "simple_release_fs"},
    {"module/dependent", kModule, "refcount", true, "use_module", "module_unload_free"},
    {"module/vm", kModule, "refcount", false, "kvm_dev_ioctl", "kvm_destroy_vm"},
    {"module/open-device", kModule, "refcount", false, "vfio_df_open", "vfio_df_close"},
    {"module/container-driver", kModule, "refcount", false, "vfio_fops_unl_ioctl",
     "vfio_fops_release"},
    {"module/symbol", kModule, "refcount", false, "__symbol_get", "__symbol_put"},
    {"module/program", kModule, "refcount", false, "bpf_trampoline_link_prog",
     "bpf_trampoline_unlink_prog"},

    {"eventfd/file", kEventfd, "kref", false, "eventfd2", "eventfd_release"},
    {"eventfd/vfio-trigger", kEventfd, "kref", false, "vfio_pci_set_irqs_ioctl",
     "vfio_pci_core_close_device"},
    {"eventfd/irqfd", kEventfd, "kref", false, "kvm_irqfd", "irqfd_shutdown"},
    {"eventfd/resampler", kEventfd, "kref", false, "kvm_irqfd", "irqfd_shutdown"},
    {"eventfd/vfio-wake", kEventfd, "kref", false, "vfio_pci_core_feature_ioctl",
     "vfio_pci_core_close_device"},
    {"eventfd/ioeventfd", kEventfd, "kref", false, "kvm_ioeventfd", "ioeventfd_destructor"},
    {"eventfd/vhost", kEventfd, "kref", false, "vhost_vring_ioctl", "vhost_dev_cleanup"},

    {"io-uring/ring-file", kIoUring, "", false, "io_uring_setup", "io_uring_release"},
    {"io-uring/submitter", kIoUring, "", false, "io_uring_add_tctx_node", "io_uring_del_tctx_node"},

    {"image/open-file", kFile, "", false, "do_dentry_open", "__fput"},
});

}  // namespace

std::span<const ReferenceClass> reference_classes() { return kClasses; }

const ReferenceClass* find_reference_class(std::string_view name) {
  const auto* row = std::find_if(kClasses.begin(), kClasses.end(),
                                 [name](const auto& cls) { return cls.name == name; });
  return row == kClasses.end() ? nullptr : row;
}

}  // namespace vmleak
