/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IOMMU groups: members with their drivers, who claimed DMA ownership. */
#include "lib/list.h"
#include "lib/record.h"

#define MAX_MEMBERS 4096

static long step_member(__u32 index, struct list_walk *walk)
{
	struct vmleak_iommu_member_record record;
	struct device_driver *driver;
	struct group_device *member;
	char bus[4] = {};

	if (!list_walk__next(walk))
		return 1;
	member = (void *)walk->at - bpf_core_field_offset(struct group_device, list);
	record__init(&record, VMLEAK_RECORD_IOMMU_MEMBER);
	record.group = walk->object;
	record.device = (__u64)BPF_CORE_READ(member, dev);
	read_name(record.name, member, dev, kobj.name);
	driver = BPF_CORE_READ(member, dev, driver);
	if (driver) {
		read_name(record.driver, driver, name);
		read_name(bus, driver, bus, name);
		if (bus[0] == 'p' && bus[1] == 'c' && bus[2] == 'i' && !bus[3]) {
			struct pci_driver *pci =
			    (void *)driver - bpf_core_field_offset(struct pci_driver, driver);

			record.driver_managed_dma = BPF_CORE_READ(pci, driver_managed_dma);
		}
	}
	record__send(&record);
	return 0;
}

/* args->address: struct iommu_group, or, with args->extra, its kobject. */
SEC("?syscall")
int run__iommu_group(struct vmleak_walk_args *args)
{
	struct iommu_group *group = (struct iommu_group *)args->address;
	struct vmleak_iommu_group_record record;
	struct list_walk walk = {};

	if (!group)
		return 0;
	if (args->extra)
		group = (void *)group - bpf_core_field_offset(struct iommu_group, kobj);
	record__init(&record, VMLEAK_RECORD_IOMMU_GROUP);
	record.group = (__u64)group;
	record.owner = (__u64)BPF_CORE_READ(group, owner);
	record.devices_kobj = BPF_CORE_READ(group, devices_kobj, kref.refcount.refs.counter);
	record.owner_cnt = BPF_CORE_READ(group, owner_cnt);
	record.number = BPF_CORE_READ(group, id);
	record__send(&record);

	walk.head = (void *)group + bpf_core_field_offset(struct iommu_group, devices);
	walk.at = walk.head;
	walk.object = (__u64)group;
	if (bpf_loop(MAX_MEMBERS, step_member, &walk, 0) == MAX_MEMBERS)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_IOMMU_MEMBERS, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}
