/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Eventfd contexts that a VFIO PCI device signals. */
#include "lib/ledger_all.h"
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/vfio.h */
#define VFIO_IRQ_SET_DATA_NONE (1 << 0)
#define VFIO_IRQ_SET_DATA_EVENTFD (1 << 2)
#define VFIO_IRQ_SET_ACTION_TRIGGER (1 << 5)
#define MAX_VECTORS 4096 /* MSI-X has 2048 */

/* Its first member is its vfio_device, by whose address it goes here. */
struct vfio_pci_core_device;

/* One call of vfio_pci_set_irqs_ioctl(). */
struct set_irqs {
	void *ctx;
	__u64 device;
	const int *descriptors;
	__u32 index;
	__u32 start;
};

static __always_inline struct vmleak_ledger_key trigger__key(__u64 device, __u32 index,
							     __u32 vector)
{
	struct vmleak_ledger_key key = {
	    {device, 0},
	    VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER,
	    index << 16 | (vector & 0xffff),
	};

	return key;
}

static long begin_replacement(__u32 i, struct set_irqs *call)
{
	struct vmleak_ledger_key key = trigger__key(call->device, call->index, call->start + i);

	ledger__begin_drop(&key);
	return 0;
}

/* The vector's old context is given back; it has a new one unless the descriptor is negative. */
static long end_replacement(__u32 i, struct set_irqs *call)
{
	struct vmleak_ledger_key key = trigger__key(call->device, call->index, call->start + i);
	__u64 eventfd;
	int fd = -1;

	ledger__end_drop(call->ctx, &key);
	bpf_probe_read_kernel(&fd, sizeof(fd), &call->descriptors[i]);
	if (fd < 0)
		return 0;
	eventfd = current__eventfd(fd);
	if (eventfd)
		ledger__take(call->ctx, &key, eventfd);
	else
		count_one(VMLEAK_COUNT_UNREADABLE);
	return 0;
}

static __always_inline bool sets_triggers(__u32 flags)
{
	return (flags & VFIO_IRQ_SET_ACTION_TRIGGER) && (flags & VFIO_IRQ_SET_DATA_EVENTFD);
}

/* Of a whole index; for the triggers that have one context, count is 0 for "none". */
static __always_inline bool disables(__u32 flags, __u32 count)
{
	return (flags & VFIO_IRQ_SET_ACTION_TRIGGER) && (flags & VFIO_IRQ_SET_DATA_NONE) && !count;
}

struct index_of_device {
	void *ctx; /* NULL: the drops begin */
	__u64 device;
	__u32 index;
};

static long drop_of_index(struct bpf_map *map, struct vmleak_ledger_key *key,
			  struct vmleak_ledger_entry *entry, struct index_of_device *wanted)
{
	struct vmleak_ledger_key copy;

	if (key->cls != VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER || key->token[0] != wanted->device ||
	    key->slot >> 16 != wanted->index || entry->state == VMLEAK_ENTRY_FORGOTTEN)
		return 0;
	copy = *key;
	if (wanted->ctx)
		ledger__end_drop(wanted->ctx, &copy);
	else
		ledger__begin_drop(&copy);
	return 0;
}

static __always_inline void drop_index(void *ctx, __u64 device, __u32 index)
{
	struct index_of_device wanted = {ctx, device, index};

	bpf_for_each_map_elem(&ledger, drop_of_index, &wanted, 0);
}

static __always_inline void enter(__u64 device, __u32 flags, __u32 index, __u32 start, __u32 count)
{
	struct set_irqs call = {NULL, device, NULL, index, start};

	if (sets_triggers(flags))
		bpf_loop(count > MAX_VECTORS ? MAX_VECTORS : count, begin_replacement, &call, 0);
	else if (disables(flags, count))
		drop_index(NULL, device, index);
}

static __always_inline void leave(void *ctx, __u64 device, __u32 flags, __u32 index, __u32 start,
				  __u32 count, const void *data)
{
	struct set_irqs call = {ctx, device, data, index, start};

	if (sets_triggers(flags))
		bpf_loop(count > MAX_VECTORS ? MAX_VECTORS : count, end_replacement, &call, 0);
	else if (disables(flags, count))
		drop_index(ctx, device, index);
}

SEC("?fentry/vfio_pci_set_irqs_ioctl")
int BPF_PROG(fentry__vfio_pci_set_irqs_ioctl, struct vfio_pci_core_device *device, uint32_t flags,
	     unsigned int index, unsigned int start, unsigned int count, void *data)
{
	enter((__u64)device, flags, index, start, count);
	return 0;
}

SEC("?fexit/vfio_pci_set_irqs_ioctl")
int BPF_PROG(fexit__vfio_pci_set_irqs_ioctl, struct vfio_pci_core_device *device, uint32_t flags,
	     unsigned int index, unsigned int start, unsigned int count, void *data, int ret)
{
	if (ret >= 0)
		leave(ctx, (__u64)device, flags, index, start, count, data);
	return 0;
}

/* Without a hook at the end, what the call will do is taken for done. */
SEC("?kprobe/vfio_pci_set_irqs_ioctl")
int BPF_KPROBE(kprobe__vfio_pci_set_irqs_ioctl, struct vfio_pci_core_device *device, uint32_t flags,
	       unsigned int index, unsigned int start, unsigned int count)
{
	leave(ctx, (__u64)device, flags, index, start, count, (void *)ctx->r9);
	return 0;
}

SEC("?fentry/vfio_pci_core_close_device")
int BPF_PROG(fentry__vfio_pci_core_close_device, struct vfio_device *device)
{
	ledger__begin_drop_all((__u64)device, VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER);
	return 0;
}

SEC("?fexit/vfio_pci_core_close_device")
int BPF_PROG(fexit__vfio_pci_core_close_device, struct vfio_device *device)
{
	ledger__end_drop_all(ctx, (__u64)device, VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER);
	return 0;
}

SEC("?kprobe/vfio_pci_core_close_device")
int BPF_KPROBE(kprobe__vfio_pci_core_close_device, struct vfio_device *device)
{
	ledger__end_drop_all(ctx, (__u64)device, VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
