/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* VFIO groups, devices and containers. */
#include "lib/file.h"
#include "lib/list.h"

#define MAX_GROUPS 65536
#define MAX_DEVICES 4096

static __always_inline void device__send(struct vfio_device *device)
{
	struct vfio_device___put_kvm *newer = (void *)device;
	struct vmleak_vfio_device_record record;

	record__init(&record, VMLEAK_RECORD_VFIO_DEVICE);
	record.device = (__u64)device;
	record.group = (__u64)BPF_CORE_READ(device, group);
	record.kvm = (__u64)BPF_CORE_READ(device, kvm);
	record.refcount = BPF_CORE_READ(device, refcount.refs.counter);
	record.open_count = BPF_CORE_READ(device, open_count);
	record.holds_kvm = bpf_core_field_exists(newer->put_kvm);
	if (bpf_core_field_exists(device->inode))
		record.mapping = (__u64)BPF_CORE_READ(device, inode, i_mapping);
	read_name(record.name, device, dev, kobj.name);
	read_name(record.driver, device, dev, driver, name);
	record__send(&record);
}

static long step_vfio_device(__u32 index, struct list_walk *walk)
{
	if (!list_walk__next(walk))
		return 1;
	device__send((void *)walk->at - bpf_core_field_offset(struct vfio_device, group_next));
	return 0;
}

static __always_inline void group__send(struct vfio_group *group)
{
	struct vmleak_vfio_group_record record;

	record__init(&record, VMLEAK_RECORD_VFIO_GROUP);
	record.group = (__u64)group;
	record.iommu_group = (__u64)BPF_CORE_READ(group, iommu_group);
	record.container = (__u64)BPF_CORE_READ(group, container);
	record.kvm = (__u64)BPF_CORE_READ(group, kvm);
	record.opened_file = (__u64)BPF_CORE_READ(group, opened_file);
	record.drivers = BPF_CORE_READ(group, drivers.refs.counter);
	record.container_users = BPF_CORE_READ(group, container_users);
	record.number = BPF_CORE_READ(group, iommu_group, id);
	record__send(&record);
}

static long step_group(__u32 index, struct list_walk *walk)
{
	if (!list_walk__next(walk))
		return 1;
	group__send((void *)walk->at - bpf_core_field_offset(struct vfio_group, vfio_next));
	return 0;
}

/*
 * The list of groups is in one of the variables called "vfio": the one whose
 * supposed list head is a list head.
 */
static __always_inline struct list_head *group_list_head(void)
{
	for (int i = 0; i < VFIO_CANDIDATES; i++) {
		struct list_head *head, *next;

		if (!vfio_addresses[i])
			continue;
		head = (void *)vfio_addresses[i] + bpf_core_field_offset(struct vfio, group_list);
		next = BPF_CORE_READ(head, next);
		if (next && BPF_CORE_READ(next, prev) == head)
			return head;
	}
	return NULL;
}

SEC("?syscall")
int run__vfio_groups(struct vmleak_walk_args *args)
{
	struct list_walk walk = {.head = group_list_head()};

	if (!walk.head) {
		record__walk(VMLEAK_WALK_VFIO_GROUPS, 0, 1, 0);
		return 0;
	}
	walk.at = walk.head;
	if (bpf_loop(MAX_GROUPS, step_group, &walk, 0) == MAX_GROUPS)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_VFIO_GROUPS, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

/* A group that no list led to.  args->address: struct vfio_group. */
SEC("?syscall")
int run__vfio_group(struct vmleak_walk_args *args)
{
	if (args->address)
		group__send((struct vfio_group *)args->address);
	return 0;
}

/* The devices of a group and the file it is open by.  args->address: struct vfio_group. */
SEC("?syscall")
int run__vfio_group_parts(struct vmleak_walk_args *args)
{
	struct vfio_group *group = (struct vfio_group *)args->address;
	struct list_walk walk = {};
	struct file *file;

	if (!group)
		return 0;
	file = BPF_CORE_READ(group, opened_file);
	if (file)
		file__send_hold(file, VMLEAK_HOLD_GROUP_OPENED, (__u64)group);
	walk.head = (void *)group + bpf_core_field_offset(struct vfio_group, device_list);
	walk.at = walk.head;
	if (bpf_loop(MAX_DEVICES, step_vfio_device, &walk, 0) == MAX_DEVICES)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_VFIO_GROUPS, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

/* A device that a file was found of, and that no list has any more. */
SEC("?syscall")
int run__vfio_device(struct vmleak_walk_args *args)
{
	if (args->address)
		device__send((struct vfio_device *)args->address);
	return 0;
}

static long count_group(__u32 index, struct list_walk *walk)
{
	return !list_walk__next(walk);
}

/*
 * A container: its count, its groups.  args->address: struct vfio_container;
 * args->extra: 1 when it may be gone, then what is there has no references.
 */
SEC("?syscall")
int run__vfio_container(struct vmleak_walk_args *args)
{
	struct vfio_container *container = (struct vfio_container *)args->address;
	struct vmleak_vfio_container_record record;
	struct list_walk groups = {};

	if (!container)
		return 0;
	record__init(&record, VMLEAK_RECORD_VFIO_CONTAINER);
	record.container = (__u64)container;
	record.iommu_data = (__u64)BPF_CORE_READ(container, iommu_data);
	groups.head = (void *)container + bpf_core_field_offset(struct vfio_container, group_list);
	if (!args->extra || list__is_head(groups.head))
		record.kref = BPF_CORE_READ(container, kref.refcount.refs.counter);
	groups.at = groups.head;
	bpf_loop(MAX_GROUPS, count_group, &groups, 0);
	record.groups = groups.visited;
	read_name(record.driver, container, iommu_driver, ops, name);
	record__send(&record);
	if (groups.inconsistent)
		record__walk(VMLEAK_WALK_VFIO_GROUPS, groups.visited, groups.inconsistent, 0);
	return 0;
}
