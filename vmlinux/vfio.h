/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_VFIO_H
#define VMLEAK_VMLINUX_VFIO_H

struct vfio {
	struct list_head group_list; /* of vfio_group.vfio_next */
};

struct vfio_container {
	struct kref kref;
	struct list_head group_list;
	struct vfio_iommu_driver *iommu_driver;
	void *iommu_data;
};

struct vfio_iommu_driver_ops {
	char *name;
	struct module *owner;
};

struct vfio_iommu_driver {
	const struct vfio_iommu_driver_ops *ops;
};

struct vfio_group {
	refcount_t drivers;
	unsigned int container_users;
	struct iommu_group *iommu_group;
	struct vfio_container *container;
	struct list_head device_list; /* of vfio_device.group_next */
	struct list_head vfio_next;
	struct kvm *kvm;
	struct file *opened_file;
};

struct vfio_device {
	struct device *dev;
	struct vfio_group *group;
	struct kvm *kvm;
	refcount_t refcount;
	unsigned int open_count;
	struct list_head group_next;
	struct inode *inode; /* 6.10 and later */
};

/* Begins with its vfio_device. */
struct vfio_pci_core_device {
	struct xarray ctx; /* of vfio_pci_irq_ctx, by vector */
	void *err_trigger;
	void *req_trigger;
	struct eventfd_ctx *pm_wake_eventfd_ctx;
};

struct vfio_pci_irq_ctx {
	struct eventfd_ctx *trigger;
};

struct vfio_pci_eventfd {
	struct eventfd_ctx *ctx;
};

struct vfio_device_file {
	struct vfio_device *device;
};

/* type1: what vfio_container.iommu_data points to. */
struct vfio_iommu {
	struct rb_root dma_list; /* of vfio_dma.node */
};

struct vfio_dma {
	struct rb_node node;
	u64 size;		  /* bytes */
	struct task_struct *task; /* group leader of the mapper, pinned */
	struct mm_struct *mm;
};

#endif
