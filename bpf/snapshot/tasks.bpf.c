/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tasks: who lives in an address space, who closes files, who is in a system call. */
#include "lib/file.h"
#include <bpf/bpf_tracing.h>

#define PF_KTHREAD 0x00200000
#define PF_EXITING 0x00000004
#define REGISTERED_RINGS 16
#define PENDING_WORKS 256

/* Global: the verifier looks at it once, not for every frame of a stack. */
__noinline __u32 closing_function(__u64 address)
{
	for (int i = 0; i < CLOSING_RANGES; i++) {
		if (address >= closing_ranges[i].start && address < closing_ranges[i].end)
			return closing_ranges[i].closing;
	}
	return VMLEAK_CLOSING_NONE;
}

struct stack_walk {
	__u32 closing;
};

static long step_frame(__u32 index, struct stack_walk *walk)
{
	struct vmleak_task_record *record;
	__u32 zero = 0, closing;

	record = bpf_map_lookup_elem(&task_scratch, &zero);
	if (!record || index >= VMLEAK_STACK_DEPTH)
		return 1;
	closing = closing_function(record->stack[index]);
	if (closing > walk->closing) /* kvm_destroy_vm says more than the __fput below it */
		walk->closing = closing;
	return 0;
}

static __always_inline bool is_watched(__u64 key)
{
	return key && bpf_map_lookup_elem(&watched_tasks, &key);
}

struct hold_walk {
	struct seq_file *seq;
	struct callback_head *work;
	struct io_uring_task *rings;
	__u32 tgid;
};

static __always_inline void send_hold(struct seq_file *seq, struct file *file, __u32 type,
				      __u32 hold, __u32 tgid)
{
	struct vmleak_file_hold_record record;

	record__init(&record, VMLEAK_RECORD_FILE_HOLD);
	record.hold = hold;
	record.tgid = tgid;
	file__fill(&record.file, file, type);
	bpf_seq_write(seq, &record, sizeof(record));
}

/* Rings that IORING_REGISTER_RING_FDS keeps although their descriptor is closed. */
static long step_ring(__u32 index, struct hold_walk *walk)
{
	struct io_uring_task *rings = walk->rings;
	struct file *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file),
			      (void *)rings +
				      bpf_core_field_offset(struct io_uring_task, registered_rings) +
				      index * sizeof(file));
	if (file)
		send_hold(walk->seq, file, VMLEAK_FILE_IO_URING, VMLEAK_HOLD_IO_URING_REGISTERED,
			  walk->tgid);
	return 0;
}

static __always_inline struct file *file_of_work(struct callback_head *work)
{
	struct file___task_work *newer = NULL;
	struct file___rcuhead *older = NULL;

	if (bpf_core_field_exists(newer->f_task_work))
		return (void *)work - bpf_core_field_offset(newer->f_task_work);
	if (bpf_core_field_exists(older->f_rcuhead))
		return (void *)work - bpf_core_field_offset(older->f_rcuhead);
	return NULL;
}

/* Files whose last reference is gone and whose __fput waits for this task. */
static long step_work(__u32 index, struct hold_walk *walk)
{
	struct callback_head *work = walk->work;
	struct file *file;
	__u32 type;

	if (!work)
		return 1;
	if ((__u64)BPF_CORE_READ(work, func) == fput_work_address) {
		file = file_of_work(work);
		type = file__type(file);
		if (type != VMLEAK_FILE_OTHER && type != VMLEAK_FILE_SOCKET)
			send_hold(walk->seq, file, type, VMLEAK_HOLD_PENDING_FPUT, walk->tgid);
	}
	walk->work = BPF_CORE_READ(work, next);
	return 0;
}

SEC("?iter/task")
int iter__tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct vmleak_task_record *record;
	struct stack_walk stack = {};
	struct hold_walk walk = {};
	struct pt_regs *regs;
	__u32 zero = 0, size;
	long stack_bytes;

	if (!task)
		return 0;
	record = bpf_map_lookup_elem(&task_scratch, &zero);
	if (!record)
		return 0;
	record->header.type = VMLEAK_RECORD_TASK;
	record->task = (__u64)task;
	record->mm = (__u64)BPF_CORE_READ(task, mm);
	record->table = (__u64)BPF_CORE_READ(task, files);
	record->start_ns = task->start_time;
	record->tid = task->pid;
	record->tgid = task->tgid;
	record->flags = task->flags;
	record->state = task->__state;
	record->exit_state = task->exit_state;
	record->on_cpu = task->on_cpu;
	record->dumps_core = BPF_CORE_READ(task, signal, core_state) != NULL;
	record->syscall = -1;
	record->syscall_arg0 = 0;
	bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), task->comm);

	if (!(record->flags & PF_KTHREAD)) {
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		record->syscall = (__s64)BPF_CORE_READ(regs, orig_ax);
		record->syscall_arg0 = BPF_CORE_READ(regs, di);
		walk.tgid = record->tgid;
		walk.seq = ctx->meta->seq;
		walk.rings = BPF_CORE_READ(task, io_uring);
		if (walk.rings)
			bpf_loop(REGISTERED_RINGS, step_ring, &walk, 0);
		walk.work = BPF_CORE_READ(task, task_works);
		if (walk.work)
			bpf_loop(PENDING_WORKS, step_work, &walk, 0);
	}
	stack_bytes = bpf_get_task_stack(task, record->stack, sizeof(record->stack), 0);
	record->stack_depth = stack_bytes > 0 ? (__u32)stack_bytes / sizeof(__u64) : 0;
	bpf_loop(record->stack_depth, step_frame, &stack, 0);
	record->closing = stack.closing;

	if (!record->closing && !record->dumps_core &&
	    !((record->flags & PF_EXITING) && !record->exit_state) && !is_watched(record->mm) &&
	    !is_watched(record->table) && !is_watched(record->tgid))
		return 0;
	size = record->stack_depth;
	if (size > VMLEAK_STACK_DEPTH)
		size = VMLEAK_STACK_DEPTH;
	size = sizeof(*record) - sizeof(record->stack) + size * sizeof(__u64);
	record->header.size = size;
	bpf_seq_write(ctx->meta->seq, record, size);
	return 0;
}
