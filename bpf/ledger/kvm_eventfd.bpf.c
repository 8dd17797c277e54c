/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Eventfd contexts that a VM holds: irqfds and ioeventfds. */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/kvm.h */
#define KVM_IRQFD_FLAG_DEASSIGN (1 << 0)
#define KVM_IOEVENTFD_FLAG_PIO (1 << 1)
#define KVM_IOEVENTFD_FLAG_DEASSIGN (1 << 2)
#define KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY (1 << 3)

/* ---- irqfd: one per VM and eventfd; its end is a work item's ---- */

static __always_inline struct vmleak_ledger_key irqfd__key(__u64 kvm, __u64 eventfd)
{
	struct vmleak_ledger_key key = {{kvm, eventfd}, VMLEAK_LEDGER_EVENTFD_IRQFD, 0};

	return key;
}

static __always_inline void irqfd__assigned(void *ctx, struct kvm *kvm, struct kvm_irqfd *args)
{
	__u64 eventfd = current__eventfd(BPF_CORE_READ(args, fd));
	struct vmleak_ledger_key key = irqfd__key((__u64)kvm, eventfd);

	if (BPF_CORE_READ(args, flags) & KVM_IRQFD_FLAG_DEASSIGN)
		return;
	if (eventfd)
		ledger__take(ctx, &key, eventfd);
	else
		count_one(VMLEAK_COUNT_UNREADABLE);
}

SEC("?fexit/kvm_irqfd")
int BPF_PROG(fexit__kvm_irqfd, struct kvm *kvm, struct kvm_irqfd *args, int ret)
{
	if (!ret)
		irqfd__assigned(ctx, kvm, args);
	return 0;
}

SEC("?kprobe/kvm_irqfd")
int BPF_KPROBE(kprobe__kvm_irqfd, struct kvm *kvm, struct kvm_irqfd *args)
{
	call__save(CALL_IRQFD, (__u64)kvm, (__u64)args, 0);
	return 0;
}

SEC("?kretprobe/kvm_irqfd")
int BPF_KRETPROBE(kretprobe__kvm_irqfd, int ret)
{
	struct call call;

	if (call__take(CALL_IRQFD, &call) && !ret)
		irqfd__assigned(ctx, (struct kvm *)call.a, (struct kvm_irqfd *)call.b);
	return 0;
}

static __always_inline struct vmleak_ledger_key work__irqfd_key(struct work_struct *work)
{
	struct kvm_kernel_irqfd *irqfd =
	    (void *)work - bpf_core_field_offset(struct kvm_kernel_irqfd, shutdown);

	return irqfd__key((__u64)BPF_CORE_READ(irqfd, kvm), (__u64)BPF_CORE_READ(irqfd, eventfd));
}

SEC("?fentry/irqfd_shutdown")
int BPF_PROG(fentry__irqfd_shutdown, struct work_struct *work)
{
	struct vmleak_ledger_key key = work__irqfd_key(work);

	/* The irqfd is free when the function returns. */
	call__save(CALL_IRQFD_SHUTDOWN, key.token[0], key.token[1], 0);
	ledger__begin_drop(&key);
	return 0;
}

SEC("?fexit/irqfd_shutdown")
int BPF_PROG(fexit__irqfd_shutdown, struct work_struct *work)
{
	struct vmleak_ledger_key key;
	struct call call;

	if (!call__take(CALL_IRQFD_SHUTDOWN, &call))
		return 0;
	key = irqfd__key(call.a, call.b);
	ledger__end_drop(ctx, &key);
	return 0;
}

SEC("?kprobe/irqfd_shutdown")
int BPF_KPROBE(kprobe__irqfd_shutdown, struct work_struct *work)
{
	struct vmleak_ledger_key key = work__irqfd_key(work);

	ledger__drop(ctx, &key);
	return 0;
}

/* ---- ioeventfd: several may stand for one eventfd ---- */

static __always_inline struct vmleak_ledger_key ioeventfd__key(__u64 eventfd)
{
	struct vmleak_ledger_key key = {{eventfd, 0}, VMLEAK_LEDGER_EVENTFD_IOEVENTFD, 0};

	return key;
}

static __always_inline __u32 ioeventfd__references(const struct vmleak_ledger_key *key)
{
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, key);

	return entry ? entry->references : 0;
}

/* MMIO of any length is put on the fast bus as well. */
static __always_inline __u32 ioeventfd__made(struct kvm_ioeventfd *args)
{
	__u32 other_bus = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;

	return !BPF_CORE_READ(args, len) && !(BPF_CORE_READ(args, flags) & other_bus) ? 2 : 1;
}

static __always_inline void ioeventfd__enter(struct kvm_ioeventfd *args)
{
	__u64 eventfd = current__eventfd(BPF_CORE_READ(args, fd));
	struct vmleak_ledger_key key = ioeventfd__key(eventfd);

	ledger__begin_drop(&key);
	call__save(CALL_IOEVENTFD, eventfd, (__u64)args, ioeventfd__references(&key));
}

static __always_inline void ioeventfd__leave(void *ctx, bool done)
{
	struct kvm_ioeventfd *args;
	struct vmleak_ledger_key key;
	struct call call;
	__u32 made, left;

	if (!call__take(CALL_IOEVENTFD, &call) || !done)
		return;
	if (!call.a) {
		count_one(VMLEAK_COUNT_UNREADABLE);
		return;
	}
	args = (struct kvm_ioeventfd *)call.b;
	made = ioeventfd__made(args);
	key = ioeventfd__key(call.a);
	if (!(BPF_CORE_READ(args, flags) & KVM_IOEVENTFD_FLAG_DEASSIGN)) {
		ledger__take_more(ctx, &key, call.a, made);
		return;
	}
	/*
	 * Since Linux kernel commit 5ea5ca3c2b4b ("KVM: destruct kvm_io_device while
	 * unregistering it from kvm_io_bus") (in v6.5) the destructor has been called
	 * for each; before, it is not called here at all.
	 */
	left = ioeventfd__references(&key);
	if (left == call.c) {
		ledger__end_drop(ctx, &key);
		if (made == 2)
			ledger__end_drop(ctx, &key);
	}
}

SEC("?fentry/kvm_ioeventfd")
int BPF_PROG(fentry__kvm_ioeventfd, struct kvm *kvm, struct kvm_ioeventfd *args)
{
	ioeventfd__enter(args);
	return 0;
}

SEC("?fexit/kvm_ioeventfd")
int BPF_PROG(fexit__kvm_ioeventfd, struct kvm *kvm, struct kvm_ioeventfd *args, int ret)
{
	ioeventfd__leave(ctx, !ret);
	return 0;
}

SEC("?kprobe/kvm_ioeventfd")
int BPF_KPROBE(kprobe__kvm_ioeventfd, struct kvm *kvm, struct kvm_ioeventfd *args)
{
	ioeventfd__enter(args);
	return 0;
}

SEC("?kretprobe/kvm_ioeventfd")
int BPF_KRETPROBE(kretprobe__kvm_ioeventfd, int ret)
{
	ioeventfd__leave(ctx, !ret);
	return 0;
}

static __always_inline struct vmleak_ledger_key device__key(struct kvm_io_device *device)
{
	struct _ioeventfd *ioeventfd =
	    (void *)device - bpf_core_field_offset(struct _ioeventfd, dev);

	return ioeventfd__key((__u64)BPF_CORE_READ(ioeventfd, eventfd));
}

SEC("?fentry/ioeventfd_destructor")
int BPF_PROG(fentry__ioeventfd_destructor, struct kvm_io_device *device)
{
	struct vmleak_ledger_key key = device__key(device);

	call__save(CALL_IOEVENTFD_DESTRUCTOR, key.token[0], 0, 0);
	ledger__begin_drop(&key);
	return 0;
}

SEC("?fexit/ioeventfd_destructor")
int BPF_PROG(fexit__ioeventfd_destructor, struct kvm_io_device *device)
{
	struct vmleak_ledger_key key;
	struct call call;

	if (!call__take(CALL_IOEVENTFD_DESTRUCTOR, &call))
		return 0;
	key = ioeventfd__key(call.a);
	ledger__end_drop(ctx, &key);
	return 0;
}

SEC("?kprobe/ioeventfd_destructor")
int BPF_KPROBE(kprobe__ioeventfd_destructor, struct kvm_io_device *device)
{
	struct vmleak_ledger_key key = device__key(device);

	ledger__drop(ctx, &key);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
