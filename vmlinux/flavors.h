/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_FLAVORS_H
#define VMLEAK_VMLINUX_FLAVORS_H

/*
 * What other kernels call or lay out differently.  The name of a flavor says
 * the first (or, for what is gone, the last) release that has it.
 */

/* Since Linux kernel commit 90ee6ed776c0 ("fs: port files to file_ref") (in v6.13). */
typedef struct {
	atomic64_t refcnt; /* references - 1 */
} file_ref_t___v6_13;

struct file___v6_13 {
	file_ref_t___v6_13 f_ref;
};

/* Where a file that waits for its __fput hangs in task_struct.task_works. */
struct file___task_work {
	struct callback_head f_task_work; /* v6.10 and later */
};

struct file___rcuhead {
	struct callback_head f_rcuhead;
};

/* Until v6.12 a ring's registered files were a flat table without nodes. */
struct io_fixed_file___v6_12 {
	unsigned long file_ptr; /* struct file *, flags in the low 3 bits */
};

struct io_file_table___v6_12 {
	struct io_fixed_file___v6_12 *files;
};

struct io_ring_ctx___v6_12 {
	struct io_file_table___v6_12 file_table;
	unsigned int nr_user_files;
};

/* Until v6.3 a vhost device had one worker, a kthread, and no vhost_worker. */
struct vhost_dev___v6_3 {
	struct task_struct *worker;
};

/* A worker that is a kthread and not a thread of the owner (fork_owner off, v6.12+ in stable). */
struct vhost_worker___kthread {
	struct task_struct *kthread_task;
};

/*
 * Since Linux kernel commit 2b48f52f2bff ("vfio: fix deadlock between group
 * lock and kvm lock") (in v6.2) an open device holds a reference on its VM.
 */
struct vfio_device___put_kvm {
	void *put_kvm;
};

/* Until v6.4 the interrupts of a VFIO PCI device were an array. */
struct vfio_pci_core_device___v6_4 {
	struct vfio_pci_irq_ctx *ctx;
	int num_ctx;
};

#endif
