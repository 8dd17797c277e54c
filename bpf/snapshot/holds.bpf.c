/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What keeps files although no file table shows it: sockets, rings, vhost. */
#include "lib/file.h"

#define MAX_QUEUED 65536
#define SCM_MAX_FD 253
#define MAX_FIXED_FILES 65536

/* One file, read by its address. */
SEC("?syscall")
int run__file(struct vmleak_walk_args *args)
{
	struct file *file = (struct file *)args->address;
	struct vmleak_file_record record;

	if (!file)
		return 0;
	record__init(&record, VMLEAK_RECORD_FILE);
	file__fill(&record.file, file, file__type(file));
	record__send(&record);
	return 0;
}

struct queue_walk {
	struct sk_buff *end; /* the queue's head, seen as a buffer */
	struct sk_buff *at;
	__u64 holder; /* file of the socket */
	__u32 visited;
	__u32 inconsistent;
	__u64 checksum;
};

struct fp_walk {
	struct scm_fp_list *fp;
	__u64 holder;
};

static long step_fp(__u32 index, struct fp_walk *walk)
{
	struct file *file = NULL;

	if (index >= SCM_MAX_FD)
		return 1;
	bpf_probe_read_kernel(&file, sizeof(file),
			      (void *)walk->fp + bpf_core_field_offset(struct scm_fp_list, fp) +
				  index * sizeof(file));
	if (file)
		file__send_hold(file, VMLEAK_HOLD_IN_FLIGHT, walk->holder);
	return 0;
}

static long step_skb(__u32 index, struct queue_walk *walk)
{
	struct sk_buff *skb = walk->at;
	struct scm_fp_list *fp;
	struct fp_walk fps;
	short count;

	if (!skb) {
		walk->inconsistent++;
		return 1;
	}
	if (skb == walk->end)
		return 1;
	walk->visited++;
	walk->checksum = checksum_add(walk->checksum, (__u64)skb);
	fp = BPF_CORE_READ((struct unix_skb_parms *)((void *)skb + bpf_core_field_offset(skb->cb)),
			   fp);
	if (fp) {
		fps.fp = fp;
		fps.holder = walk->holder;
		count = BPF_CORE_READ(fp, count);
		if (count < 0 || count > SCM_MAX_FD)
			walk->inconsistent++;
		else
			bpf_loop(count, step_fp, &fps, 0);
	}
	walk->at = BPF_CORE_READ(skb, next);
	return 0;
}

/* A connection that nobody accepted yet; files may be in flight to it already. */
static long step_embryo(__u32 index, struct queue_walk *walk)
{
	struct vmleak_embryo_record record;
	struct sk_buff *skb = walk->at;

	if (!skb) {
		walk->inconsistent++;
		return 1;
	}
	if (skb == walk->end)
		return 1;
	walk->visited++;
	walk->checksum = checksum_add(walk->checksum, (__u64)skb);
	record__init(&record, VMLEAK_RECORD_EMBRYO);
	record.file = walk->holder;
	record.sock = (__u64)BPF_CORE_READ(skb, sk);
	record__send(&record);
	walk->at = BPF_CORE_READ(skb, next);
	return 0;
}

/*
 * Files in flight to a unix socket.  args->address: struct sock; args->extra:
 * struct file by which somebody has the socket, or its listener.
 */
SEC("?syscall")
int run__socket(struct vmleak_walk_args *args)
{
	struct sock *sk = (struct sock *)args->address;
	struct queue_walk walk = {.holder = args->extra};
	__u32 queued;
	long steps;

	if (!sk)
		return 0;
	queued = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	walk.end = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
	walk.at = BPF_CORE_READ(sk, sk_receive_queue.next);
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		steps = bpf_loop(MAX_QUEUED, step_embryo, &walk, 0);
	else
		steps = bpf_loop(MAX_QUEUED, step_skb, &walk, 0);
	if (steps == MAX_QUEUED || walk.visited != queued)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_SOCKET, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

struct ring_walk {
	struct io_ring_ctx *ctx;
	__u32 found;
};

static __always_inline struct file *ring__fixed_file(struct io_ring_ctx *ctx, __u32 index)
{
	struct io_ring_ctx___v6_12 *older = (void *)ctx;
	unsigned long value = 0;

	if (bpf_core_field_exists(older->nr_user_files)) {
		void *files = BPF_CORE_READ(older, file_table.files);
		__u32 size = bpf_core_type_size(struct io_fixed_file___v6_12);

		bpf_probe_read_kernel(&value, sizeof(value), files + index * size);
	} else {
		struct io_rsrc_node **nodes = BPF_CORE_READ(ctx, file_table.data.nodes),
				    *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node), &nodes[index]);
		if (node)
			value = BPF_CORE_READ(node, file_ptr);
	}
	return (struct file *)(value & ~7UL);
}

static long step_fixed_file(__u32 index, struct ring_walk *walk)
{
	struct file *file = ring__fixed_file(walk->ctx, index);

	if (!file)
		return 0;
	walk->found++;
	file__send_hold(file, VMLEAK_HOLD_IO_URING_FIXED, (__u64)walk->ctx);
	return 0;
}

/* Registered files of a ring.  args->address: its io_ring_ctx. */
SEC("?syscall")
int run__io_uring(struct vmleak_walk_args *args)
{
	struct ring_walk walk = {.ctx = (struct io_ring_ctx *)args->address};
	__u32 files;

	if (!walk.ctx)
		return 0;
	files = io_ring__files(walk.ctx);
	bpf_loop(files < MAX_FIXED_FILES ? files : MAX_FIXED_FILES, step_fixed_file, &walk, 0);
	record__walk(VMLEAK_WALK_IO_URING, walk.found, files > MAX_FIXED_FILES, files);
	return 0;
}
