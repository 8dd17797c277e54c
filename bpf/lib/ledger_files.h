/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* File classes: the token is the struct file. */
#ifndef VMLEAK_BPF_LEDGER_FILES_H
#define VMLEAK_BPF_LEDGER_FILES_H

#include "ledger.h"

static __always_inline __u32 file_type__class(__u32 type)
{
	switch (type) {
	case VMLEAK_FILE_KVM_VM:
		return VMLEAK_LEDGER_KVM_VM_FILE;
	case VMLEAK_FILE_KVM_VCPU:
		return VMLEAK_LEDGER_KVM_VCPU_FILE;
	case VMLEAK_FILE_KVM_DEVICE:
		return VMLEAK_LEDGER_KVM_DEVICE_FILE;
	case VMLEAK_FILE_KVM_VM_STATS:
		return VMLEAK_LEDGER_KVM_VM_STATS_FILE;
	case VMLEAK_FILE_KVM_VCPU_STATS:
		return VMLEAK_LEDGER_KVM_VCPU_STATS_FILE;
	case VMLEAK_FILE_KVM_GUEST_MEMFD:
		return VMLEAK_LEDGER_KVM_GUEST_MEMFD_FILE;
	case VMLEAK_FILE_KVM_DEBUGFS:
	case VMLEAK_FILE_KVM_DEBUGFS_MMU:
		return VMLEAK_LEDGER_KVM_DEBUGFS_FILE;
	case VMLEAK_FILE_VFIO_DEVICE:
		return VMLEAK_LEDGER_VFIO_DEVICE_FILE;
	case VMLEAK_FILE_VFIO_GROUP:
		return VMLEAK_LEDGER_VFIO_GROUP_FILE;
	case VMLEAK_FILE_VFIO_CONTAINER:
		return VMLEAK_LEDGER_VFIO_CONTAINER_FILE;
	default:
		return VMLEAK_LEDGER_NONE;
	}
}

static __always_inline struct vmleak_ledger_key file__key(struct file *file, __u32 cls)
{
	struct vmleak_ledger_key key = {{(__u64)file, 0}, cls, 0};

	return key;
}

static __always_inline void file__take(void *ctx, struct file *file, __u32 type)
{
	struct vmleak_ledger_key key = file__key(file, file_type__class(type));
	__u64 via;

	ledger__take(ctx, &key, file__object(file, type, &via));
}

static __always_inline void file__begin_drop(struct file *file, __u32 cls)
{
	struct vmleak_ledger_key key = file__key(file, cls);

	ledger__begin_drop(&key);
}

static __always_inline void file__end_drop(void *ctx, struct file *file, __u32 cls)
{
	struct vmleak_ledger_key key = file__key(file, cls);

	ledger__end_drop(ctx, &key);
}

static __always_inline void file__drop(void *ctx, struct file *file, __u32 cls)
{
	struct vmleak_ledger_key key = file__key(file, cls);

	ledger__drop(ctx, &key);
}

/* The three programs that see a release function of a file class. */
#define FILE_RELEASE(function, cls)                                                                \
	SEC("?fentry/" #function)                                                                  \
	int BPF_PROG(fentry__##function, struct inode *inode, struct file *file)                   \
	{                                                                                          \
		file__begin_drop(file, cls);                                                       \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?fexit/" #function)                                                                   \
	int BPF_PROG(fexit__##function, struct inode *inode, struct file *file, int ret)           \
	{                                                                                          \
		file__end_drop(ctx, file, cls);                                                    \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?kprobe/" #function)                                                                  \
	int BPF_KPROBE(kprobe__##function, struct inode *inode, struct file *file)                 \
	{                                                                                          \
		file__drop(ctx, file, cls);                                                        \
		return 0;                                                                          \
	}

/* The three programs that see an open function of a file class. */
#define FILE_OPEN(function, opened_type, which)                                                    \
	SEC("?fexit/" #function)                                                                   \
	int BPF_PROG(fexit__##function, struct inode *inode, struct file *file, int ret)           \
	{                                                                                          \
		if (!ret)                                                                          \
			file__take(ctx, file, opened_type);                                        \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?kprobe/" #function)                                                                  \
	int BPF_KPROBE(kprobe__##function, struct inode *inode, struct file *file)                 \
	{                                                                                          \
		call__save(which, (__u64)file, 0, 0);                                              \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?kretprobe/" #function)                                                               \
	int BPF_KRETPROBE(kretprobe__##function, int ret)                                          \
	{                                                                                          \
		struct call saved;                                                                 \
                                                                                                   \
		if (call__take(which, &saved) && !ret)                                             \
			file__take(ctx, (struct file *)saved.a, opened_type);                      \
		return 0;                                                                          \
	}

#endif
