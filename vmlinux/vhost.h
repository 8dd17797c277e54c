/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_VHOST_H
#define VMLEAK_VMLINUX_VHOST_H

struct vhost_task {
	struct task_struct *task;
};

struct vhost_worker {
	struct vhost_task *vtsk;
};

struct vhost_vring_call {
	struct eventfd_ctx *ctx;
};

struct vhost_virtqueue {
	struct vhost_worker *worker;
	struct file *kick;
	struct vhost_vring_call call_ctx;
	struct eventfd_ctx *error_ctx;
	void *private_data; /* vhost-net: the backend's struct socket */
};

struct vhost_dev {
	struct mm_struct *mm; /* holds mm_users when use_worker */
	struct vhost_virtqueue **vqs;
	int nvqs;
	struct eventfd_ctx *log_ctx;
	bool use_worker;
};

/* private_data of a vhost-net file. */
struct vhost_net {
	struct vhost_dev dev;
};

#endif
