/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* struct file: what it is, what it keeps, how many references it has. */
#ifndef VMLEAK_BPF_FILE_OBJECT_H
#define VMLEAK_BPF_FILE_OBJECT_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <vmleak/abi.h>

#define AF_UNIX 1
#define TCP_LISTEN 10

/* Function in a file_operations -> enum vmleak_file_type.  Written by user space before use. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32);
} operations SEC(".maps") __weak;

/* References on a file; 0 when it is on its way out. */
static __always_inline __s64 file__count(struct file *file)
{
	struct file___v6_13 *newer = (void *)file;
	__s64 count;

	/* Since Linux kernel commit 90ee6ed776c0 ("fs: port files to file_ref") (in v6.13). */
	if (bpf_core_field_exists(newer->f_ref))
		count = BPF_CORE_READ(newer, f_ref.refcnt.counter) + 1;
	else
		count = BPF_CORE_READ(file, f_count.counter);
	/* A dead file_ref is a negative number. */
	return count > 0 ? count : 0;
}

static __always_inline __u32 function__file_type(__u64 function)
{
	__u32 *type = bpf_map_lookup_elem(&operations, &function);

	return type ? *type : VMLEAK_FILE_OTHER;
}

static __always_inline __u32 operations__file_type(const struct file_operations *f_op)
{
	__u64 function;

	function = (__u64)BPF_CORE_READ(f_op, release);
	if (!function) /* /dev/kvm */
		function = (__u64)BPF_CORE_READ(f_op, unlocked_ioctl);
	return function__file_type(function);
}

/*
 * debugfs puts its own file_operations in front; the file's own ones tell
 * whether it is one of KVM's per-VM files, which hold the VM while open.
 */
static __always_inline __u32 debugfs__file_type(struct file *file)
{
	struct debugfs_fsdata *data = BPF_CORE_READ(file, f_path.dentry, d_fsdata);

	if (!data || ((__u64)data & 1)) /* DEBUGFS_FSDATA_IS_REAL_FOPS_BIT: not open */
		return VMLEAK_FILE_OTHER;
	return operations__file_type(BPF_CORE_READ(data, real_fops));
}

static __always_inline struct sock *file__unix_socket(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return NULL;
	return sk;
}

/* Whether files may be in flight to this socket: fds in its queue, or embryos. */
static __always_inline bool unix_socket__may_hold(struct sock *sk)
{
	struct unix_sock *u = (struct unix_sock *)sk;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return BPF_CORE_READ(sk, sk_receive_queue.qlen) != 0;
	return BPF_CORE_READ(u, scm_stat.nr_fds.counter) != 0;
}

static __always_inline __u32 io_ring__files(struct io_ring_ctx *ctx)
{
	struct io_ring_ctx___v6_12 *older = (void *)ctx;

	if (bpf_core_field_exists(older->nr_user_files))
		return BPF_CORE_READ(older, nr_user_files);
	return BPF_CORE_READ(ctx, file_table.data.nr);
}

static __always_inline struct vfio_device *file__vfio_device(void *private_data)
{
	/* Since the series around Linux kernel commit b1a59be8a2b6 (in v6.6). */
	if (bpf_core_type_exists(struct vfio_device_file))
		return BPF_CORE_READ((struct vfio_device_file *)private_data, device);
	return private_data;
}

/* The object that an open file of this type keeps. */
static __always_inline __u64 file__object(struct file *file, __u32 type, __u64 *via)
{
	void *data = BPF_CORE_READ(file, private_data);

	switch (type) {
	case VMLEAK_FILE_KVM_VCPU:
	case VMLEAK_FILE_KVM_VCPU_STATS:
		return (__u64)BPF_CORE_READ((struct kvm_vcpu *)data, kvm);
	case VMLEAK_FILE_KVM_DEVICE:
		*via = (__u64)data;
		if (bpf_core_type_exists(struct kvm_device))
			return (__u64)BPF_CORE_READ((struct kvm_device *)data, kvm);
		return 0;
	case VMLEAK_FILE_KVM_GUEST_MEMFD:
		if (bpf_core_type_exists(struct kvm_gmem))
			return (__u64)BPF_CORE_READ((struct kvm_gmem *)data, kvm);
		return 0;
	case VMLEAK_FILE_KVM_DEBUGFS:
		data = BPF_CORE_READ(file, f_inode, i_private);
		if (bpf_core_type_exists(struct kvm_stat_data))
			return (__u64)BPF_CORE_READ((struct kvm_stat_data *)data, kvm);
		return 0;
	case VMLEAK_FILE_KVM_DEBUGFS_MMU:
		return (__u64)BPF_CORE_READ(file, f_inode, i_private);
	case VMLEAK_FILE_VFIO_DEVICE:
		return (__u64)file__vfio_device(data);
	case VMLEAK_FILE_SOCKET:
		*via = (__u64)file__unix_socket(file);
		return 0;
	case VMLEAK_FILE_IMAGE:
		return (__u64)BPF_CORE_READ(file, f_inode);
	default:
		return (__u64)data;
	}
}

/* Type by pointer alone, for files that only a kernel object points to. */
static __always_inline __u32 file__type(struct file *file)
{
	__u32 type = operations__file_type(BPF_CORE_READ(file, f_op));

	return type == VMLEAK_FILE_DEBUGFS ? debugfs__file_type(file) : type;
}

#endif
