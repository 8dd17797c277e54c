/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* In-order walk of a kernel rb-tree without its lock: bounded, checked by the caller. */
#ifndef VMLEAK_BPF_RBTREE_H
#define VMLEAK_BPF_RBTREE_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * Global functions: the verifier looks at them once, not at every call.
 */

/* Twice the logarithm of 2^32 nodes: no path in a balanced tree is longer. */
#define RB_MAX_DEPTH 64

__weak __noinline __u64 rb__leftmost(__u64 address)
{
	struct rb_node *node = (struct rb_node *)address, *left;

	for (int i = 0; i < RB_MAX_DEPTH && node; i++) {
		left = BPF_CORE_READ(node, rb_left);
		if (!left)
			break;
		node = left;
	}
	return (__u64)node;
}

__weak __noinline __u64 rb__next(__u64 address)
{
	struct rb_node *node = (struct rb_node *)address, *parent, *right;

	right = BPF_CORE_READ(node, rb_right);
	if (right)
		return rb__leftmost((__u64)right);
	for (int i = 0; i < RB_MAX_DEPTH; i++) {
		parent = (struct rb_node *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);
		if (!parent)
			return 0;
		if (BPF_CORE_READ(parent, rb_right) != node)
			return (__u64)parent;
		node = parent;
	}
	return 0;
}

#endif
