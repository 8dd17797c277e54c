/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walk of a kernel list without its lock: bounded and checked. */
#ifndef VMLEAK_BPF_LIST_H
#define VMLEAK_BPF_LIST_H

#include "checksum.h"
#include <bpf/bpf_core_read.h>

/* Memory of something else hardly ever points back at itself like this. */
static __always_inline bool list__is_head(struct list_head *head)
{
	struct list_head *next = BPF_CORE_READ(head, next), *prev = BPF_CORE_READ(head, prev);

	return next && prev && BPF_CORE_READ(next, prev) == head &&
	       BPF_CORE_READ(prev, next) == head;
}

struct list_walk {
	struct list_head *head;
	struct list_head *at;
	__u64 object; /* whose list it is */
	__u64 checksum;
	__u32 visited;
	__u32 inconsistent;
};

/* Steps to the next entry; false at the end or where the list does not hold together. */
static __always_inline bool list_walk__next(struct list_walk *walk)
{
	struct list_head *at = walk->at;
	struct list_head *next = BPF_CORE_READ(at, next);

	if (!next) {
		walk->inconsistent++;
		return false;
	}
	if (next == walk->head)
		return false;
	if (BPF_CORE_READ(next, prev) != at) {
		walk->inconsistent++;
		return false;
	}
	walk->at = next;
	walk->visited++;
	walk->checksum = checksum_add(walk->checksum, (__u64)next);
	return true;
}

#endif
