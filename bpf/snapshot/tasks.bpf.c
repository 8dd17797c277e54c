/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tasks: who lives in an address space, who closes files, who is in a system call. */
#include "lib/file.h"
#include "lib/xarray.h"
#include <bpf/bpf_tracing.h>

#define PF_KTHREAD 0x00200000
#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define REGISTERED_RINGS 16
#define PENDING_WORKS 256
#define XARRAY_STEPS 16384

/* What function_at() adds to an enum vmleak_closing. */
#define DEVICE_CALL 0x100

/*
 * What the function at an address says about its task.
 * Global: the verifier looks at it once, not for every frame of a stack.
 */
__noinline __u32 function_at(__u64 address)
{
	for (__u32 i = 0; i < STACK_RANGES && i < stack_range_count; i++) {
		if (address >= stack_ranges[i].start && address < stack_ranges[i].end)
			return stack_ranges[i].closing |
			       (stack_ranges[i].device_call ? DEVICE_CALL : 0);
	}
	return VMLEAK_CLOSING_NONE;
}

struct stack_walk {
	__u32 closing;
	__u32 in_device_call;
};

static long step_frame(__u32 index, struct stack_walk *walk)
{
	struct vmleak_task_record *record;
	__u32 zero = 0, found, closing;

	record = bpf_map_lookup_elem(&task_scratch, &zero);
	if (!record || index >= VMLEAK_STACK_DEPTH)
		return 1;
	found = function_at(record->stack[index]);
	if (found & DEVICE_CALL)
		walk->in_device_call = 1;
	closing = found & ~DEVICE_CALL;
	if (closing > walk->closing) /* kvm_destroy_vm says more than the __fput below it */
		walk->closing = closing;
	return 0;
}

/* System calls of x86-64 after which files or mappings may be given back. */
static __always_inline bool may_close(__s64 call)
{
	switch (call) {
	case 3:	  /* close */
	case 11:  /* munmap */
	case 33:  /* dup2 */
	case 60:  /* exit */
	case 231: /* exit_group */
	case 292: /* dup3 */
	case 436: /* close_range */
		return true;
	default:
		return false;
	}
}

/* What a task is closing that has no readable stack, for it is on a CPU now. */
static __always_inline __u32 running__closing(struct task_struct *task, __u32 flags, __s64 call)
{
	struct kthread *kthread;
	struct worker *worker;

	if (flags & PF_WQ_WORKER) {
		kthread = BPF_CORE_READ(task, worker_private);
		worker = BPF_CORE_READ(kthread, data);
		return function_at((__u64)BPF_CORE_READ(worker, current_func)) & ~DEVICE_CALL;
	}
	return !(flags & PF_KTHREAD) && may_close(call) ? VMLEAK_CLOSING_UNKNOWN
							: VMLEAK_CLOSING_NONE;
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

static __always_inline void send_submitter(struct seq_file *seq, __u64 entry, __u32 tgid)
{
	struct io_tctx_node *node = (struct io_tctx_node *)entry;
	struct vmleak_file_hold_record record;

	record__init(&record, VMLEAK_RECORD_FILE_HOLD);
	record.hold = VMLEAK_HOLD_IO_URING_SUBMITTER;
	record.holder = (__u64)BPF_CORE_READ(node, ctx);
	record.tgid = tgid;
	bpf_seq_write(seq, &record, sizeof(record));
}

/*
 * Rings a task submits to: it knows them also when their descriptor is closed
 * and only a mapping keeps them.
 */
static long step_xarray(__u32 index, struct hold_walk *hold)
{
	struct xarray_walk *walk;
	__u32 zero = 0;
	__u64 entry;

	walk = bpf_map_lookup_elem(&xarray_scratch, &zero);
	if (!walk || !xarray_walk__step(walk, &entry))
		return 1;
	if (entry)
		send_submitter(hold->seq, entry, hold->tgid);
	return 0;
}

static __always_inline void send_submitted_rings(struct hold_walk *hold)
{
	struct io_uring_task *rings = hold->rings;
	struct xarray_walk *walk;
	__u64 head = (__u64)BPF_CORE_READ(rings, xa.xa_head);
	__u32 zero = 0;

	walk = bpf_map_lookup_elem(&xarray_scratch, &zero);
	if (!walk || !xarray__is_node(head)) /* an index is an address, so never the only entry 0 */
		return;
	xarray_walk__begin(walk, head);
	bpf_loop(XARRAY_STEPS, step_xarray, hold, 0);
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
		type = file__type_of_interest(file);
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
		if (walk.rings) {
			bpf_loop(REGISTERED_RINGS, step_ring, &walk, 0);
			send_submitted_rings(&walk);
		}
		walk.work = BPF_CORE_READ(task, task_works);
		if (walk.work)
			bpf_loop(PENDING_WORKS, step_work, &walk, 0);
	}
	stack_bytes = bpf_get_task_stack(task, record->stack, sizeof(record->stack), 0);
	record->stack_depth = stack_bytes > 0 ? (__u32)stack_bytes / sizeof(__u64) : 0;
	bpf_loop(record->stack_depth, step_frame, &stack, 0);
	record->closing = stack.closing;
	record->in_device_call = stack.in_device_call;
	if (!record->stack_depth && record->on_cpu)
		record->closing = running__closing(task, record->flags, record->syscall);

	if (!record->closing && !record->in_device_call && !record->dumps_core &&
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
