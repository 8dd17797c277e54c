/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* eventfd contexts: what interrupts and doorbells of a VM keep, and what keeps them. */
#include "lib/file.h"
#include "lib/list.h"
#include "lib/xarray.h"

#define EFD_FLAGS (1 | 04000 | 02000000) /* EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC */
#define MAX_LOOKS 16

struct context_look {
	struct eventfd_ctx *context;
	bool is_one;
};

static long step_look(__u32 index, struct context_look *look)
{
	look->is_one =
	    list__is_head((void *)look->context + bpf_core_field_offset(look->context->wqh.head));
	return look->is_one;
}

/*
 * Whether this memory still is a context: a ledger's may have been given back,
 * and the first one's number is 0 as so much else is.  Its list of waiters
 * holds together, unless one comes or goes just now.
 */
static __always_inline bool eventfd__is_context(struct eventfd_ctx *context)
{
	struct context_look look = {.context = context};

	if (BPF_CORE_READ(context, flags) & ~EFD_FLAGS)
		return false;
	bpf_loop(MAX_LOOKS, step_look, &look, 0);
	return look.is_one;
}

/* args->address: struct eventfd_ctx. */
SEC("?syscall")
int run__eventfd(struct vmleak_walk_args *args)
{
	struct eventfd_ctx *context = (struct eventfd_ctx *)args->address;
	struct vmleak_eventfd_record record;

	if (!context)
		return 0;
	record__init(&record, VMLEAK_RECORD_EVENTFD);
	record.context = args->address;
	if (eventfd__is_context(context))
		record.kref = BPF_CORE_READ(context, kref.refcount.refs.counter);
	record.id = BPF_CORE_READ(context, id);
	record__send(&record);
	return 0;
}

#define MAX_OF_VM 65536
#define MAX_VECTORS 4096
#define XARRAY_STEPS 8192

/* ---- of a VM ---- */

static long step_irqfd(__u32 index, struct list_walk *walk)
{
	struct kvm_kernel_irqfd *irqfd;

	if (!list_walk__next(walk))
		return 1;
	irqfd = (void *)walk->at - bpf_core_field_offset(struct kvm_kernel_irqfd, list);
	eventfd__send_hold(BPF_CORE_READ(irqfd, eventfd), walk->object, VMLEAK_EVENTFD_IRQFD);
	eventfd__send_hold(BPF_CORE_READ(irqfd, resamplefd), walk->object,
			   VMLEAK_EVENTFD_RESAMPLER);
	return 0;
}

static long step_ioeventfd(__u32 index, struct list_walk *walk)
{
	struct _ioeventfd *ioeventfd;

	if (!list_walk__next(walk))
		return 1;
	ioeventfd = (void *)walk->at - bpf_core_field_offset(struct _ioeventfd, list);
	eventfd__send_hold(BPF_CORE_READ(ioeventfd, eventfd), walk->object,
			   VMLEAK_EVENTFD_IOEVENTFD);
	return 0;
}

/* args->address: struct kvm. */
SEC("?syscall")
int run__kvm_eventfds(struct vmleak_walk_args *args)
{
	struct list_walk irqfds = {.object = args->address};
	struct list_walk ioeventfds = {.object = args->address};
	struct kvm *kvm = (struct kvm *)args->address;

	if (!kvm)
		return 0;
	irqfds.head = (void *)kvm + bpf_core_field_offset(struct kvm, irqfds.items);
	irqfds.at = irqfds.head;
	if (bpf_loop(MAX_OF_VM, step_irqfd, &irqfds, 0) == MAX_OF_VM)
		irqfds.inconsistent++;
	ioeventfds.head = (void *)kvm + bpf_core_field_offset(struct kvm, ioeventfds);
	ioeventfds.at = ioeventfds.head;
	if (bpf_loop(MAX_OF_VM, step_ioeventfd, &ioeventfds, 0) == MAX_OF_VM)
		ioeventfds.inconsistent++;
	record__walk(VMLEAK_WALK_EVENTFDS, irqfds.visited, irqfds.inconsistent, irqfds.checksum);
	record__walk(VMLEAK_WALK_EVENTFDS, ioeventfds.visited, ioeventfds.inconsistent,
		     ioeventfds.checksum);
	return 0;
}

/* ---- of a VFIO PCI device ---- */

static __always_inline void vector__send(struct vfio_pci_irq_ctx *vector, __u64 device)
{
	eventfd__send_hold(BPF_CORE_READ(vector, trigger), device, VMLEAK_EVENTFD_VFIO_TRIGGER);
}

static long step_vector(__u32 index, __u64 *device)
{
	struct xarray_walk *walk;
	__u32 zero = 0;
	__u64 entry;

	walk = bpf_map_lookup_elem(&xarray_scratch, &zero);
	if (!walk || !xarray_walk__step(walk, &entry))
		return 1;
	if (entry)
		vector__send((struct vfio_pci_irq_ctx *)entry, *device);
	return 0;
}

struct vector_array {
	void *first;
	__u64 device;
};

static long step_array(__u32 index, struct vector_array *array)
{
	vector__send(array->first + index * bpf_core_type_size(struct vfio_pci_irq_ctx),
		     array->device);
	return 0;
}

/*
 * Since Linux kernel commit b156e48fffa9 ("vfio/pci: Use xarray for interrupt
 * context storage") (in v6.5) vectors come and go with their triggers.
 */
static __always_inline void vectors__send(struct vfio_pci_core_device *device, __u64 address)
{
	struct vfio_pci_core_device___v6_4 *older = (void *)device;
	struct vector_array array = {.device = address};
	struct xarray_walk *walk;
	__u32 zero = 0, vectors;
	__u64 head;

	if (bpf_core_field_exists(older->num_ctx)) {
		array.first = BPF_CORE_READ(older, ctx);
		vectors = BPF_CORE_READ(older, num_ctx);
		if (array.first)
			bpf_loop(vectors < MAX_VECTORS ? vectors : MAX_VECTORS, step_array, &array,
				 0);
		return;
	}
	head = (__u64)BPF_CORE_READ(device, ctx.xa_head);
	walk = bpf_map_lookup_elem(&xarray_scratch, &zero);
	if (!walk || !head)
		return;
	if (!xarray__is_node(head)) /* vector 0 alone */
		return vector__send((struct vfio_pci_irq_ctx *)head, address);
	xarray_walk__begin(walk, head);
	bpf_loop(XARRAY_STEPS, step_vector, &address, 0);
}

/* A trigger that is no vector's: in later kernels behind a structure of its own. */
static __always_inline struct eventfd_ctx *single__context(void *pointer)
{
	if (pointer && bpf_core_type_exists(struct vfio_pci_eventfd))
		return BPF_CORE_READ((struct vfio_pci_eventfd *)pointer, ctx);
	return pointer;
}

/* args->address: struct vfio_device of a PCI device. */
SEC("?syscall")
int run__vfio_eventfds(struct vmleak_walk_args *args)
{
	struct vfio_pci_core_device *device = (struct vfio_pci_core_device *)args->address;

	if (!device || !bpf_core_type_exists(struct vfio_pci_irq_ctx))
		return 0;
	vectors__send(device, args->address);
	eventfd__send_hold(single__context(BPF_CORE_READ(device, err_trigger)), args->address,
			   VMLEAK_EVENTFD_VFIO_TRIGGER);
	eventfd__send_hold(single__context(BPF_CORE_READ(device, req_trigger)), args->address,
			   VMLEAK_EVENTFD_VFIO_TRIGGER);
	if (bpf_core_field_exists(device->pm_wake_eventfd_ctx))
		eventfd__send_hold(BPF_CORE_READ(device, pm_wake_eventfd_ctx), args->address,
				   VMLEAK_EVENTFD_VFIO_WAKE);
	return 0;
}
