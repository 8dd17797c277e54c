/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What exists when the ledger is armed.  The iterator has a reference on each
 * file it shows, so none of these files can be released while its entries are
 * written.
 */
#include "lib/ledger_files.h"
#include "lib/list.h"
#include <bpf/bpf_tracing.h>

static const char kvm_vfio_name[] = "kvm-vfio";

#define MAX_ITEMS 4096
#define MAX_QUEUES 2

/*
 * Bit n: class n is wanted, its hooks were attached just now.  What is known of
 * the others is older than this walk, or nothing would ever take it out.
 */
__u64 seed_classes = 0;

/* Files that the iterator has shown: there can be several descriptors for one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} seeded SEC(".maps");

static __always_inline bool is_wanted(__u32 cls)
{
	return seed_classes >> cls & 1;
}

static __always_inline bool is_first_time(const struct file *file)
{
	__u64 key = (__u64)file;
	__u8 value = 1;

	return bpf_map_update_elem(&seeded, &key, &value, BPF_NOEXIST) != -EEXIST;
}

static __always_inline bool seed(const void *token, const void *second, __u32 cls, const void *held)
{
	struct vmleak_ledger_key key = {{(__u64)token, (__u64)second}, cls, 0};

	return held && is_wanted(cls) && ledger__seed(&key, (__u64)held, 1);
}

/* ---- a list of things that each hold one ---- */

struct list_of {
	struct list_walk walk;
	struct kvm *kvm;
	struct kvm_vfio *kvm_vfio;
};

static long seed_irqfd(__u32 i, struct list_of *items)
{
	struct kvm_kernel_irqfd *irqfd;
	struct eventfd_ctx *eventfd;

	if (!list_walk__next(&items->walk))
		return 1;
	irqfd = (void *)items->walk.at - bpf_core_field_offset(struct kvm_kernel_irqfd, list);
	eventfd = BPF_CORE_READ(irqfd, eventfd);
	seed(items->kvm, eventfd, VMLEAK_LEDGER_EVENTFD_IRQFD, eventfd);
	return 0;
}

static long seed_ioeventfd(__u32 i, struct list_of *items)
{
	struct vmleak_ledger_entry *entry;
	struct vmleak_ledger_key key = {{0, 0}, VMLEAK_LEDGER_EVENTFD_IOEVENTFD, 0};
	struct _ioeventfd *ioeventfd;

	if (!is_wanted(VMLEAK_LEDGER_EVENTFD_IOEVENTFD) || !list_walk__next(&items->walk))
		return 1;
	ioeventfd = (void *)items->walk.at - bpf_core_field_offset(struct _ioeventfd, list);
	key.token[0] = (__u64)BPF_CORE_READ(ioeventfd, eventfd);
	entry = bpf_map_lookup_elem(&ledger, &key);
	if (entry && entry->state == VMLEAK_ENTRY_PREEXISTING)
		__sync_fetch_and_add(&entry->references, 1);
	else
		ledger__seed(&key, key.token[0], 1);
	return 0;
}

static long seed_kvm_vfio_file(__u32 i, struct list_of *items)
{
	struct kvm_vfio_file *item;
	struct file *file;

	if (!list_walk__next(&items->walk))
		return 1;
	item = (void *)items->walk.at - bpf_core_field_offset(struct kvm_vfio_file, node);
	file = BPF_CORE_READ(item, file);
	seed(items->kvm_vfio, file, VMLEAK_LEDGER_FILE_KVM_VFIO, file);
	return 0;
}

static __always_inline void vm__seed(struct kvm *kvm)
{
	struct list_of items = {.kvm = kvm};

	if (!bpf_core_type_exists(struct kvm_kernel_irqfd))
		return;
	items.walk.head = (void *)kvm + bpf_core_field_offset(struct kvm, irqfds.items);
	items.walk.at = items.walk.head;
	bpf_loop(MAX_ITEMS, seed_irqfd, &items, 0);
	items.walk.head = (void *)kvm + bpf_core_field_offset(struct kvm, ioeventfds);
	items.walk.at = items.walk.head;
	bpf_loop(MAX_ITEMS, seed_ioeventfd, &items, 0);
}

static __always_inline void kvm_device__seed(struct kvm_device *device)
{
	char name[9] = {};
	struct list_of items = {};

	if (!bpf_core_type_exists(struct kvm_vfio_file))
		return;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(device, ops, name));
	if (bpf_strncmp(name, sizeof(name), kvm_vfio_name))
		return;
	items.kvm_vfio = BPF_CORE_READ(device, private);
	items.walk.head =
	    (void *)items.kvm_vfio + bpf_core_field_offset(struct kvm_vfio, file_list);
	items.walk.at = items.walk.head;
	bpf_loop(MAX_ITEMS, seed_kvm_vfio_file, &items, 0);
}

/* ---- VFIO ---- */

/* Since v6.2 a group holds its file once for each open device; before, a device for each of its
 * own files. */
static __always_inline bool group_counts_devices(void)
{
	return bpf_core_field_exists(((struct vfio_device___put_kvm *)0)->put_kvm);
}

static __always_inline void seed_open(const void *holder, struct file *file, __u32 references)
{
	struct vmleak_ledger_key key = {{(__u64)holder, 0}, VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN, 0};

	if (references && file && is_wanted(VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN))
		ledger__seed(&key, (__u64)file, references);
}

static __always_inline void group__seed(struct vfio_group *group)
{
	struct vfio_container *container = BPF_CORE_READ(group, container);
	__u32 users = BPF_CORE_READ(group, container_users);

	seed(group, NULL, VMLEAK_LEDGER_VFIO_CONTAINER_GROUP, container);
	/* One user is the attachment itself. */
	if (container && group_counts_devices())
		seed_open(group, BPF_CORE_READ(group, opened_file), users ? users - 1 : 0);
}

static __always_inline void vfio_device__seed(struct vfio_device *device)
{
	struct vfio_group *group = BPF_CORE_READ(device, group);

	/* Its group may be open through this device alone. */
	group__seed(group);
	if (group_counts_devices())
		seed(device, NULL, VMLEAK_LEDGER_KVM_VFIO_DEVICE, BPF_CORE_READ(device, kvm));
	else
		seed_open(device, BPF_CORE_READ(group, opened_file),
			  BPF_CORE_READ(device, open_count));
}

/* ---- vhost ---- */

static __always_inline void vhost__seed(struct vhost_dev *device, __u32 type)
{
	struct vhost_virtqueue **queues;

	if (!bpf_core_type_exists(struct vhost_dev))
		return;
	if (BPF_CORE_READ(device, use_worker))
		seed(device, NULL, VMLEAK_LEDGER_MM_VHOST, BPF_CORE_READ(device, mm));
	if (type != VMLEAK_FILE_VHOST_NET)
		return;
	queues = BPF_CORE_READ(device, vqs);
	for (__u32 i = 0; i < MAX_QUEUES; i++) {
		struct vhost_virtqueue *queue = NULL;
		struct socket *socket;

		if (i < (__u32)BPF_CORE_READ(device, nvqs))
			bpf_probe_read_kernel(&queue, sizeof(queue), &queues[i]);
		if (!queue)
			continue;
		seed(queue, NULL, VMLEAK_LEDGER_FILE_VHOST_KICK, BPF_CORE_READ(queue, kick));
		socket = BPF_CORE_READ(queue, private_data);
		if (socket)
			seed(queue, NULL, VMLEAK_LEDGER_FILE_VHOST_BACKEND,
			     BPF_CORE_READ(socket, file));
	}
}

static __always_inline bool is_vhost(__u32 type)
{
	return type == VMLEAK_FILE_VHOST_NET || type == VMLEAK_FILE_VHOST_VSOCK ||
	       type == VMLEAK_FILE_VHOST_SCSI;
}

SEC("?iter/task_file")
int iter__seed(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	__u64 object, via = 0;
	__u32 type, cls;

	if (!ctx->task || !file)
		return 0;
	type = file__type(file);
	cls = file_type__class(type);
	if (cls == VMLEAK_LEDGER_NONE && !is_vhost(type))
		return 0;
	if (!is_first_time(file))
		return 0;
	object = file__object(file, type, &via);
	/* Made since its hooks are attached: then they saw the rest. */
	if (cls != VMLEAK_LEDGER_NONE && is_wanted(cls) && !seed(file, NULL, cls, (void *)object))
		return 0;
	switch (type) {
	case VMLEAK_FILE_KVM_VM:
		vm__seed((struct kvm *)object);
		break;
	case VMLEAK_FILE_KVM_DEVICE:
		kvm_device__seed((struct kvm_device *)via);
		break;
	case VMLEAK_FILE_VFIO_GROUP:
		if (bpf_core_type_exists(struct vfio_group))
			group__seed((struct vfio_group *)object);
		break;
	case VMLEAK_FILE_VFIO_DEVICE:
		if (bpf_core_type_exists(struct vfio_device))
			vfio_device__seed((struct vfio_device *)object);
		break;
	default:
		if (is_vhost(type))
			vhost__seed(BPF_CORE_READ(file, private_data), type);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
