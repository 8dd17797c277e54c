/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a vhost device holds: its owner's address space; of vhost-net the files of its queues. */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

#define MAX_QUEUES 2 /* vhost-net */

/* ---- the address space ---- */

static __always_inline struct vmleak_ledger_key mm__key(struct vhost_dev *device)
{
	struct vmleak_ledger_key key = {{(__u64)device, 0}, VMLEAK_LEDGER_MM_VHOST, 0};

	return key;
}

static __always_inline void owned(void *ctx, struct vhost_dev *device)
{
	struct vmleak_ledger_key key = mm__key(device);

	/* Otherwise it has no worker, and holds the mm_struct, not the memory. */
	if (BPF_CORE_READ(device, use_worker))
		ledger__take(ctx, &key, (__u64)BPF_CORE_READ(device, mm));
}

SEC("?fexit/vhost_dev_set_owner")
int BPF_PROG(fexit__vhost_dev_set_owner, struct vhost_dev *device, long ret)
{
	if (!ret)
		owned(ctx, device);
	return 0;
}

SEC("?kprobe/vhost_dev_set_owner")
int BPF_KPROBE(kprobe__vhost_dev_set_owner, struct vhost_dev *device)
{
	call__save(CALL_SET_OWNER, (__u64)device, 0, 0);
	return 0;
}

SEC("?kretprobe/vhost_dev_set_owner")
int BPF_KRETPROBE(kretprobe__vhost_dev_set_owner, long ret)
{
	struct call call;

	if (call__take(CALL_SET_OWNER, &call) && !ret)
		owned(ctx, (struct vhost_dev *)call.a);
	return 0;
}

SEC("?fentry/vhost_detach_mm")
int BPF_PROG(fentry__vhost_detach_mm, struct vhost_dev *device)
{
	struct vmleak_ledger_key key = mm__key(device);

	ledger__begin_drop(&key);
	return 0;
}

SEC("?fexit/vhost_detach_mm")
int BPF_PROG(fexit__vhost_detach_mm, struct vhost_dev *device)
{
	struct vmleak_ledger_key key = mm__key(device);

	ledger__end_drop(ctx, &key);
	return 0;
}

SEC("?kprobe/vhost_detach_mm")
int BPF_KPROBE(kprobe__vhost_detach_mm, struct vhost_dev *device)
{
	struct vmleak_ledger_key key = mm__key(device);

	ledger__drop(ctx, &key);
	return 0;
}

/* ---- the files of vhost-net's queues ---- */

static __always_inline struct vmleak_ledger_key queue__key(struct vhost_virtqueue *queue, __u32 cls)
{
	struct vmleak_ledger_key key = {{(__u64)queue, 0}, cls, 0};

	return key;
}

static __always_inline struct vhost_virtqueue *queue_at(struct vhost_dev *device, __u32 i)
{
	struct vhost_virtqueue **queues = BPF_CORE_READ(device, vqs), *queue = NULL;

	if (i < (__u32)BPF_CORE_READ(device, nvqs))
		bpf_probe_read_kernel(&queue, sizeof(queue), &queues[i]);
	return queue;
}

static __always_inline __u64 queue__file(struct vhost_virtqueue *queue, __u32 cls)
{
	struct socket *socket;

	if (cls == VMLEAK_LEDGER_FILE_VHOST_KICK)
		return (__u64)BPF_CORE_READ(queue, kick);
	socket = BPF_CORE_READ(queue, private_data);
	return socket ? (__u64)BPF_CORE_READ(socket, file) : 0;
}

/* Lays what the queue has now beside what it had. */
static __always_inline void compare(void *ctx, struct vhost_virtqueue *queue, __u32 cls)
{
	struct vmleak_ledger_key key = queue__key(queue, cls);
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, &key);
	__u64 file = queue__file(queue, cls);

	if (entry && entry->held == file)
		return;
	if (entry)
		ledger__end_drop(ctx, &key);
	if (file)
		ledger__take(ctx, &key, file);
}

static __always_inline void begin_drops(struct vhost_dev *device)
{
	for (__u32 i = 0; i < MAX_QUEUES; i++) {
		struct vhost_virtqueue *queue = queue_at(device, i);
		struct vmleak_ledger_key kick = queue__key(queue, VMLEAK_LEDGER_FILE_VHOST_KICK);
		struct vmleak_ledger_key backend =
		    queue__key(queue, VMLEAK_LEDGER_FILE_VHOST_BACKEND);

		ledger__begin_drop(&kick);
		ledger__begin_drop(&backend);
	}
}

static __always_inline void compare_all(void *ctx, struct vhost_dev *device)
{
	for (__u32 i = 0; i < MAX_QUEUES; i++) {
		struct vhost_virtqueue *queue = queue_at(device, i);

		if (!queue)
			continue;
		compare(ctx, queue, VMLEAK_LEDGER_FILE_VHOST_KICK);
		compare(ctx, queue, VMLEAK_LEDGER_FILE_VHOST_BACKEND);
	}
}

static __always_inline struct vhost_dev *file__vhost(struct file *file)
{
	return BPF_CORE_READ(file, private_data); /* vhost_net.dev is its first member */
}

SEC("?fentry/vhost_net_ioctl")
int BPF_PROG(fentry__vhost_net_ioctl, struct file *file)
{
	begin_drops(file__vhost(file));
	return 0;
}

SEC("?fexit/vhost_net_ioctl")
int BPF_PROG(fexit__vhost_net_ioctl, struct file *file, unsigned int ioctl, unsigned long arg,
	     long ret)
{
	compare_all(ctx, file__vhost(file));
	return 0;
}

SEC("?kprobe/vhost_net_ioctl")
int BPF_KPROBE(kprobe__vhost_net_ioctl, struct file *file)
{
	call__save(CALL_VHOST_NET_IOCTL, (__u64)file, 0, 0);
	return 0;
}

SEC("?kretprobe/vhost_net_ioctl")
int BPF_KRETPROBE(kretprobe__vhost_net_ioctl)
{
	struct call call;

	if (call__take(CALL_VHOST_NET_IOCTL, &call))
		compare_all(ctx, file__vhost((struct file *)call.a));
	return 0;
}

/* Frees the device with its queues: their addresses are kept for the end. */
SEC("?fentry/vhost_net_release")
int BPF_PROG(fentry__vhost_net_release, struct inode *inode, struct file *file)
{
	struct vhost_dev *device = file__vhost(file);

	begin_drops(device);
	call__save(CALL_VHOST_NET_RELEASE, (__u64)queue_at(device, 0), (__u64)queue_at(device, 1),
		   0);
	return 0;
}

static __always_inline void end_drops(void *ctx, __u64 queue)
{
	struct vmleak_ledger_key kick = queue__key((void *)queue, VMLEAK_LEDGER_FILE_VHOST_KICK);
	struct vmleak_ledger_key backend =
	    queue__key((void *)queue, VMLEAK_LEDGER_FILE_VHOST_BACKEND);

	ledger__end_drop(ctx, &kick);
	ledger__end_drop(ctx, &backend);
}

SEC("?fexit/vhost_net_release")
int BPF_PROG(fexit__vhost_net_release, struct inode *inode, struct file *file, int ret)
{
	struct call call;

	if (!call__take(CALL_VHOST_NET_RELEASE, &call))
		return 0;
	end_drops(ctx, call.a);
	end_drops(ctx, call.b);
	return 0;
}

SEC("?kprobe/vhost_net_release")
int BPF_KPROBE(kprobe__vhost_net_release, struct inode *inode, struct file *file)
{
	struct vhost_dev *device = file__vhost(file);

	end_drops(ctx, (__u64)queue_at(device, 0));
	end_drops(ctx, (__u64)queue_at(device, 1));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
