/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much a container has mapped for DMA and unmapped again. */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/vfio.h: _IO(VFIO_TYPE, VFIO_BASE + 13) */
#define VFIO_IOMMU_MAP_DMA 0x3b71

/* Its argument. */
struct dma_map {
	__u32 argsz;
	__u32 flags;
	__u64 vaddr;
	__u64 iova;
	__u64 size;
};

static __always_inline struct vmleak_ledger_dma *totals(__u64 iommu)
{
	struct vmleak_ledger_dma none = {};

	bpf_map_update_elem(&dma, &iommu, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&dma, &iommu);
}

static __always_inline void mapped(__u64 iommu, __u64 argument)
{
	struct vmleak_ledger_dma *total = totals(iommu);
	struct dma_map map = {};

	if (!total || bpf_probe_read_user(&map, sizeof(map), (void *)argument)) {
		count_one(VMLEAK_COUNT_UNREADABLE);
		return;
	}
	__sync_fetch_and_add(&total->maps, 1);
	__sync_fetch_and_add(&total->mapped_bytes, map.size);
}

SEC("?fexit/vfio_iommu_type1_ioctl")
int BPF_PROG(fexit__vfio_iommu_type1_ioctl, void *iommu_data, unsigned int cmd, unsigned long arg,
	     long ret)
{
	if (cmd == VFIO_IOMMU_MAP_DMA && !ret)
		mapped((__u64)iommu_data, arg);
	return 0;
}

SEC("?kprobe/vfio_iommu_type1_ioctl")
int BPF_KPROBE(kprobe__vfio_iommu_type1_ioctl, void *iommu_data, unsigned int cmd,
	       unsigned long arg)
{
	if (cmd == VFIO_IOMMU_MAP_DMA)
		call__save(CALL_TYPE1_IOCTL, (__u64)iommu_data, arg, 0);
	return 0;
}

SEC("?kretprobe/vfio_iommu_type1_ioctl")
int BPF_KRETPROBE(kretprobe__vfio_iommu_type1_ioctl, long ret)
{
	struct call call;

	if (call__take(CALL_TYPE1_IOCTL, &call) && !ret)
		mapped(call.a, call.b);
	return 0;
}

static __always_inline void unmapped(struct vfio_iommu *iommu, struct vfio_dma *one)
{
	struct vmleak_ledger_dma *total = totals((__u64)iommu);

	if (!total)
		return;
	__sync_fetch_and_add(&total->unmaps, 1);
	__sync_fetch_and_add(&total->unmapped_bytes, BPF_CORE_READ(one, size));
}

SEC("?fentry/vfio_remove_dma")
int BPF_PROG(fentry__vfio_remove_dma, struct vfio_iommu *iommu, struct vfio_dma *one)
{
	unmapped(iommu, one);
	return 0;
}

SEC("?kprobe/vfio_remove_dma")
int BPF_KPROBE(kprobe__vfio_remove_dma, struct vfio_iommu *iommu, struct vfio_dma *one)
{
	unmapped(iommu, one);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
