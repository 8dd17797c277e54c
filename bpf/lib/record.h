/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hands records to user space and counts what did not fit. */
#ifndef VMLEAK_BPF_RECORD_H
#define VMLEAK_BPF_RECORD_H

#include "checksum.h"
#include "maps.h"
#include <bpf/bpf_core_read.h>

#define BPF_RB_NO_WAKEUP 1

#define record__init(record, record_type)                                                          \
	do {                                                                                       \
		__builtin_memset((record), 0, sizeof(*(record)));                                  \
		(record)->header.type = (record_type);                                             \
		(record)->header.size = sizeof(*(record));                                         \
	} while (0)

#define record__send(record)                                                                       \
	do {                                                                                       \
		if (bpf_ringbuf_output(&records, (record), sizeof(*(record)), BPF_RB_NO_WAKEUP))   \
			__sync_fetch_and_add(&records_lost, 1);                                    \
	} while (0)

static __always_inline void record__walk(__u32 walk, __u64 visited, __u32 inconsistent,
					 __u64 checksum)
{
	struct vmleak_walk_record record;

	record__init(&record, VMLEAK_RECORD_WALK);
	record.walk = walk;
	record.visited = visited;
	record.inconsistent = inconsistent;
	record.checksum = checksum;
	record__send(&record);
}

/* Copies the string that a kernel "const char *" field points to. */
#define read_name(out, source, ...)                                                                \
	do {                                                                                       \
		const char *text = (const char *)BPF_CORE_READ(source, __VA_ARGS__);               \
		if (text)                                                                          \
			bpf_probe_read_kernel_str((out), sizeof(out), text);                       \
	} while (0)

#endif
