/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The final close of files that matter.  __fput() sees every close of the host,
 * so a foreign one costs one look into a map.
 */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

static __always_inline void closed(void *ctx, struct file *file)
{
	struct vmleak_ledger_key key = {{(__u64)file, 0}, VMLEAK_LEDGER_NONE, 0};
	__u64 inode = (__u64)BPF_CORE_READ(file, f_inode);
	struct vmleak_ledger_close none = {}, *close;

	if (!bpf_map_lookup_elem(&watched_inodes, &inode))
		return;
	bpf_map_update_elem(&closes, &inode, &none, BPF_NOEXIST);
	close = bpf_map_lookup_elem(&closes, &inode);
	if (!close) {
		count_one(VMLEAK_COUNT_CLOSES_LOST);
		return;
	}
	task__now(&close->last);
	close->file = (__u64)file;
	__sync_fetch_and_add(&close->count, 1);
	event__send(ctx, VMLEAK_EVENT_CLOSE, &key, inode, close->count);
}

SEC("?fentry/__fput")
int BPF_PROG(fentry__fput, struct file *file)
{
	closed(ctx, file);
	return 0;
}

SEC("?kprobe/__fput")
int BPF_KPROBE(kprobe__fput, struct file *file)
{
	closed(ctx, file);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
