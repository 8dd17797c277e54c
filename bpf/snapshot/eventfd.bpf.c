/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* eventfd contexts: what interrupts and doorbells of a VM keep. */
#include "lib/record.h"

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
	record.kref = BPF_CORE_READ(context, kref.refcount.refs.counter);
	record.id = BPF_CORE_READ(context, id);
	record__send(&record);
	return 0;
}
