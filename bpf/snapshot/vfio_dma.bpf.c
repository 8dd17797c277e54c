/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* type1: who mapped memory for DMA into a container, also when it has exited. */
#include "lib/rbtree.h"
#include "lib/record.h"

#define MAX_DMA 1048576

struct dma_walk {
	__u64 container;
	__u64 node;
	struct task_struct *task; /* of the run of entries being summed up */
	struct mm_struct *mm;
	__u64 bytes;
	__u64 checksum;
	__u32 visited;
};

static __always_inline void dma_walk__flush(struct dma_walk *walk)
{
	struct vmleak_dma_user_record record;
	struct task_struct *task = walk->task;

	if (!task)
		return;
	record__init(&record, VMLEAK_RECORD_DMA_USER);
	record.container = walk->container;
	record.task = (__u64)task;
	record.mm = (__u64)walk->mm;
	record.bytes = walk->bytes;
	record.tgid = BPF_CORE_READ(task, tgid);
	record.flags = BPF_CORE_READ(task, flags);
	record.exit_state = BPF_CORE_READ(task, exit_state);
	BPF_CORE_READ_STR_INTO(&record.comm, task, comm);
	record__send(&record);
	walk->bytes = 0;
}

static long step_dma(__u32 index, struct dma_walk *walk)
{
	struct task_struct *task;
	struct vfio_dma *dma;

	if (!walk->node)
		return 1;
	dma = (void *)walk->node - bpf_core_field_offset(struct vfio_dma, node);
	task = BPF_CORE_READ(dma, task);
	if (task != walk->task) {
		dma_walk__flush(walk);
		walk->task = task;
		walk->mm = BPF_CORE_READ(dma, mm);
	}
	walk->bytes += BPF_CORE_READ(dma, size);
	walk->visited++;
	walk->checksum = checksum_add(walk->checksum, walk->node);
	walk->node = rb__next(walk->node);
	return 0;
}

/* args->address: struct vfio_container whose driver is type1. */
SEC("?syscall")
int run__vfio_dma(struct vmleak_walk_args *args)
{
	struct vfio_container *container = (struct vfio_container *)args->address;
	struct dma_walk walk = {.container = args->address};
	struct vfio_iommu *iommu;

	if (!container)
		return 0;
	iommu = BPF_CORE_READ(container, iommu_data);
	if (!iommu)
		return 0;
	walk.node = rb__leftmost((__u64)BPF_CORE_READ(iommu, dma_list.rb_node));
	if (bpf_loop(MAX_DMA, step_dma, &walk, 0) == MAX_DMA)
		record__walk(VMLEAK_WALK_DMA, walk.visited, 1, walk.checksum);
	dma_walk__flush(&walk);
	return 0;
}
