/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What VFIO's objects hold of each other: the token is the holder. */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

static __always_inline struct vmleak_ledger_key holder__key(const void *holder, __u32 cls)
{
	struct vmleak_ledger_key key = {{(__u64)holder, 0}, cls, 0};

	return key;
}

static __always_inline void begin_drop(const void *holder, __u32 cls)
{
	struct vmleak_ledger_key key = holder__key(holder, cls);

	ledger__begin_drop(&key);
}

static __always_inline void end_drop(void *ctx, const void *holder, __u32 cls)
{
	struct vmleak_ledger_key key = holder__key(holder, cls);

	ledger__end_drop(ctx, &key);
}

static __always_inline void drop(void *ctx, const void *holder, __u32 cls)
{
	struct vmleak_ledger_key key = holder__key(holder, cls);

	ledger__drop(ctx, &key);
}

/* The three programs that see a function which gives back what its first argument holds. */
#define PAIR_DROP(function, type, cls)                                                             \
	SEC("?fentry/" #function)                                                                  \
	int BPF_PROG(fentry__##function, type *holder)                                             \
	{                                                                                          \
		begin_drop(holder, cls);                                                           \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?fexit/" #function)                                                                   \
	int BPF_PROG(fexit__##function, type *holder)                                              \
	{                                                                                          \
		end_drop(ctx, holder, cls);                                                        \
		return 0;                                                                          \
	}                                                                                          \
	SEC("?kprobe/" #function)                                                                  \
	int BPF_KPROBE(kprobe__##function, type *holder)                                           \
	{                                                                                          \
		drop(ctx, holder, cls);                                                            \
		return 0;                                                                          \
	}

/* ---- a group's hold on its container ---- */

static __always_inline void attached(void *ctx, struct vfio_container *container,
				     struct vfio_group *group)
{
	struct vmleak_ledger_key key = holder__key(group, VMLEAK_LEDGER_VFIO_CONTAINER_GROUP);

	ledger__take(ctx, &key, (__u64)container);
}

SEC("?fexit/vfio_container_attach_group")
int BPF_PROG(fexit__vfio_container_attach_group, struct vfio_container *container,
	     struct vfio_group *group, int ret)
{
	if (!ret)
		attached(ctx, container, group);
	return 0;
}

SEC("?kprobe/vfio_container_attach_group")
int BPF_KPROBE(kprobe__vfio_container_attach_group, struct vfio_container *container,
	       struct vfio_group *group)
{
	call__save(CALL_ATTACH_GROUP, (__u64)container, (__u64)group, 0);
	return 0;
}

SEC("?kretprobe/vfio_container_attach_group")
int BPF_KRETPROBE(kretprobe__vfio_container_attach_group, int ret)
{
	struct call call;

	if (call__take(CALL_ATTACH_GROUP, &call) && !ret)
		attached(ctx, (struct vfio_container *)call.a, (struct vfio_group *)call.b);
	return 0;
}

PAIR_DROP(vfio_group_detach_container, struct vfio_group, VMLEAK_LEDGER_VFIO_CONTAINER_GROUP)

/* ---- an open device's hold on its group's file ---- */

static __always_inline void uses_file(void *ctx, const void *holder, struct vfio_group *group)
{
	struct vmleak_ledger_key key = holder__key(holder, VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN);

	ledger__take_more(ctx, &key, (__u64)BPF_CORE_READ(group, opened_file), 1);
}

/* Since the series around Linux kernel commit 04f930c3e44f (in v6.2): once per open device. */
SEC("?fexit/vfio_group_use_container")
int BPF_PROG(fexit__vfio_group_use_container, struct vfio_group *group, int ret)
{
	if (!ret)
		uses_file(ctx, group, group);
	return 0;
}

SEC("?kprobe/vfio_group_use_container")
int BPF_KPROBE(kprobe__vfio_group_use_container, struct vfio_group *group)
{
	call__save(CALL_USE_CONTAINER, (__u64)group, 0, 0);
	return 0;
}

SEC("?kretprobe/vfio_group_use_container")
int BPF_KRETPROBE(kretprobe__vfio_group_use_container, int ret)
{
	struct call call;

	if (call__take(CALL_USE_CONTAINER, &call) && !ret)
		uses_file(ctx, (void *)call.a, (struct vfio_group *)call.a);
	return 0;
}

PAIR_DROP(vfio_group_unuse_container, struct vfio_group, VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN)

/* Until v6.1: once per file of the device. */
static __always_inline void device_uses_file(void *ctx, struct vfio_device *device)
{
	uses_file(ctx, device, BPF_CORE_READ(device, group));
}

SEC("?fexit/vfio_device_assign_container")
int BPF_PROG(fexit__vfio_device_assign_container, struct vfio_device *device, int ret)
{
	if (!ret)
		device_uses_file(ctx, device);
	return 0;
}

SEC("?kprobe/vfio_device_assign_container")
int BPF_KPROBE(kprobe__vfio_device_assign_container, struct vfio_device *device)
{
	call__save(CALL_ASSIGN_CONTAINER, (__u64)device, 0, 0);
	return 0;
}

SEC("?kretprobe/vfio_device_assign_container")
int BPF_KRETPROBE(kretprobe__vfio_device_assign_container, int ret)
{
	struct call call;

	if (call__take(CALL_ASSIGN_CONTAINER, &call) && !ret)
		device_uses_file(ctx, (struct vfio_device *)call.a);
	return 0;
}

PAIR_DROP(vfio_device_unassign_container, struct vfio_device, VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN)

/* ---- an open device's hold on the VM ---- */

static __always_inline void uses_kvm(void *ctx, struct vfio_device *device)
{
	struct vmleak_ledger_key key = holder__key(device, VMLEAK_LEDGER_KVM_VFIO_DEVICE);
	__u64 kvm = (__u64)BPF_CORE_READ(device, kvm);

	if (kvm)
		ledger__take(ctx, &key, kvm);
}

SEC("?fexit/vfio_device_get_kvm_safe")
int BPF_PROG(fexit__vfio_device_get_kvm_safe, struct vfio_device *device, struct kvm *kvm)
{
	uses_kvm(ctx, device);
	return 0;
}

SEC("?kprobe/vfio_device_get_kvm_safe")
int BPF_KPROBE(kprobe__vfio_device_get_kvm_safe, struct vfio_device *device)
{
	call__save(CALL_DEVICE_GET_KVM, (__u64)device, 0, 0);
	return 0;
}

SEC("?kretprobe/vfio_device_get_kvm_safe")
int BPF_KRETPROBE(kretprobe__vfio_device_get_kvm_safe)
{
	struct call call;

	if (call__take(CALL_DEVICE_GET_KVM, &call))
		uses_kvm(ctx, (struct vfio_device *)call.a);
	return 0;
}

PAIR_DROP(vfio_device_put_kvm, struct vfio_device, VMLEAK_LEDGER_KVM_VFIO_DEVICE)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
