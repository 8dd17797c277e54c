/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_KVM_H
#define VMLEAK_VMLINUX_KVM_H

struct kvm {
	struct mm_struct *mm;
	unsigned long nr_memslot_pages;
	atomic_t online_vcpus;
	struct list_head vm_list;
	refcount_t users_count;
	struct {
		struct list_head items; /* of kvm_kernel_irqfd.list */
	} irqfds;
	struct list_head ioeventfds; /* of _ioeventfd.list */
	struct list_head devices;    /* of kvm_device.vm_node */
	int userspace_pid;
	char stats_id[48];
};

struct kvm_vcpu {
	struct kvm *kvm;
};

struct kvm_device_ops {
	const char *name;
};

struct kvm_device {
	const struct kvm_device_ops *ops;
	struct kvm *kvm;
	void *private;
	struct list_head vm_node;
};

struct kvm_vfio {
	struct list_head file_list; /* of kvm_vfio_file.node */
};

struct kvm_vfio_file {
	struct list_head node;
	struct file *file;
};

struct kvm_device_attr {
	u32 group;
	u64 attr;
	u64 addr; /* in user space: of a descriptor number */
};

struct kvm_irqfd {
	u32 fd;
	u32 flags;
};

struct kvm_ioeventfd {
	u32 len;
	s32 fd;
	u32 flags;
};

struct kvm_kernel_irqfd {
	struct kvm *kvm;
	struct eventfd_ctx *resamplefd;
	struct eventfd_ctx *eventfd;
	struct list_head list;
	struct work_struct shutdown;
};

struct kvm_io_device {
	const void *ops;
};

struct _ioeventfd {
	struct list_head list;
	struct eventfd_ctx *eventfd;
	struct kvm_io_device dev;
};

struct kvm_gmem {
	struct kvm *kvm;
};

/* inode.i_private of a per-VM debugfs file. */
struct kvm_stat_data {
	struct kvm *kvm;
};

struct kvm_sev_info {
	struct kvm *enc_context_owner; /* a mirror VM's source, which it holds */
};

struct kvm_svm {
	struct kvm kvm;
	struct kvm_sev_info sev_info;
};

#endif
