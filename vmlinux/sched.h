/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_SCHED_H
#define VMLEAK_VMLINUX_SCHED_H

struct signal_struct {
	struct core_state *core_state; /* set while the thread group dumps core */
};

/* Of a kernel thread; data is a workqueue worker's struct worker. */
struct kthread {
	void *data;
};

struct work_struct {
	void (*func)(struct work_struct *work);
};

struct worker {
	void *current_func; /* the work item it runs */
};

struct task_struct {
	unsigned int __state;
	unsigned int flags; /* PF_* */
	int on_cpu;
	int exit_state;
	int pid;
	int tgid;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
	struct callback_head *task_works;
	struct io_uring_task *io_uring;
	void *worker_private; /* a kthread's struct kthread */
	u64 start_time;	      /* ns, CLOCK_MONOTONIC */
	char comm[16];
};

#endif
