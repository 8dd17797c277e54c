/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_MM_H
#define VMLEAK_VMLINUX_MM_H

struct mm_struct {
	atomic_t mm_users;
	unsigned long total_vm;	   /* pages */
	struct task_struct *owner; /* CONFIG_MEMCG */
	struct list_head mmlist;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	struct {
		struct rb_node rb;
	} shared;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

#endif
