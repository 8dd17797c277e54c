/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least that a walk of all file tables can do: it counts. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 files = 0;

SEC("iter/task_file")
int iter__count(struct bpf_iter__task_file *ctx)
{
	if (ctx->task && ctx->file)
		files++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
