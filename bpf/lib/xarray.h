/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Depth-first walk of a kernel xarray without its lock. */
#ifndef VMLEAK_BPF_XARRAY_H
#define VMLEAK_BPF_XARRAY_H

#include "maps.h"
#include <bpf/bpf_core_read.h>

#define XARRAY_SLOTS 64 /* XA_CHUNK_SIZE */

/* An internal entry that is a node: xa_is_node(). */
static __always_inline bool xarray__is_node(__u64 entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* Starts at xa_head, which has to be a node. */
static __always_inline void xarray_walk__begin(struct xarray_walk *walk, __u64 head)
{
	walk->nodes[0] = head - 2;
	walk->slots[0] = 0;
	walk->level = 0;
}

/* One step; false at the end.  *found is the entry it led to, or 0. */
static __always_inline bool xarray_walk__step(struct xarray_walk *walk, __u64 *found)
{
	__u32 level = walk->level & (XARRAY_LEVELS - 1);
	struct xa_node *node = (struct xa_node *)walk->nodes[level];
	__u32 slot = walk->slots[level];
	__u64 entry = 0;

	*found = 0;
	if (slot >= XARRAY_SLOTS) {
		if (!level)
			return false;
		walk->level = level - 1;
		return true;
	}
	walk->slots[level] = slot + 1;
	bpf_probe_read_kernel(&entry, sizeof(entry),
			      (void *)node + bpf_core_field_offset(struct xa_node, slots) +
				  slot * sizeof(entry));
	if (!entry)
		return true;
	if (!BPF_CORE_READ(node, shift)) {
		*found = entry;
	} else if (xarray__is_node(entry) && level + 1 < XARRAY_LEVELS) {
		level = (level + 1) & (XARRAY_LEVELS - 1);
		walk->nodes[level] = entry - 2;
		walk->slots[level] = 0;
		walk->level = level;
	}
	return true;
}

#endif
