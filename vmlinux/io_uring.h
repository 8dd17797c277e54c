/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_IO_URING_H
#define VMLEAK_VMLINUX_IO_URING_H

struct io_rsrc_node {
	unsigned long file_ptr; /* struct file *, flags in the low 3 bits */
};

struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};

struct io_file_table {
	struct io_rsrc_data data;
};

struct io_ring_ctx {
	struct io_file_table file_table;
};

struct io_uring_task {
	struct file *registered_rings[16]; /* IO_RINGFD_REG_MAX */
	struct xarray xa;		   /* of io_tctx_node: rings this task submits to */
};

struct io_tctx_node {
	struct io_ring_ctx *ctx;
};

struct xa_node {
	unsigned char shift;
	unsigned char offset;
	struct xa_node *parent;
	void *slots[64];
};

#endif
