/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Removal of a VFIO device; it may wait for days, so nothing is hooked at its end. */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

static const struct vmleak_ledger_removal empty_removal;

static __always_inline void begins(void *ctx, struct vfio_device *device)
{
	struct vmleak_ledger_key key = {{(__u64)device, 0}, VMLEAK_LEDGER_NONE, 0};
	struct vmleak_ledger_removal *removal;
	__u64 address = (__u64)device;
	long size;

	if (bpf_map_update_elem(&removals, &address, &empty_removal, BPF_ANY)) {
		count_one(VMLEAK_COUNT_REFUSED);
		return;
	}
	removal = bpf_map_lookup_elem(&removals, &address);
	if (!removal)
		return;
	task__now(&removal->task);
	removal->refcount = BPF_CORE_READ(device, refcount.refs.counter);
	size = bpf_get_stack(ctx, removal->stack, sizeof(removal->stack), 0);
	removal->stack_depth = size > 0 ? (__u64)size / 8 : 0;
	event__send(ctx, VMLEAK_EVENT_REMOVAL, &key, address, removal->refcount);
}

SEC("?fentry/vfio_unregister_group_dev")
int BPF_PROG(fentry__vfio_unregister_group_dev, struct vfio_device *device)
{
	begins(ctx, device);
	return 0;
}

SEC("?kprobe/vfio_unregister_group_dev")
int BPF_KPROBE(kprobe__vfio_unregister_group_dev, struct vfio_device *device)
{
	begins(ctx, device);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
