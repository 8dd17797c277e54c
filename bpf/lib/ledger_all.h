/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drops of everything that one holder has, when the function that gives it back
 * frees the list of it.  Looks at the whole ledger: for functions that run once
 * in the life of a VM or device.
 */
#ifndef VMLEAK_BPF_LEDGER_ALL_H
#define VMLEAK_BPF_LEDGER_ALL_H

#include "ledger.h"

struct bpf_map;

struct all_of {
	void *ctx; /* of the program; NULL: the drops begin */
	__u64 token;
	__u32 cls;
};

static long end_drop_of_one(struct bpf_map *map, struct vmleak_ledger_key *key,
			    struct vmleak_ledger_entry *entry, struct all_of *all)
{
	struct vmleak_ledger_key copy;

	if (key->cls != all->cls || key->token[0] != all->token ||
	    entry->state == VMLEAK_ENTRY_FORGOTTEN)
		return 0;
	copy = *key;
	ledger__end_drop(all->ctx, &copy);
	return 0;
}

static long begin_drop_of_one(struct bpf_map *map, struct vmleak_ledger_key *key,
			      struct vmleak_ledger_entry *entry, struct all_of *all)
{
	if (key->cls == all->cls && key->token[0] == all->token)
		entry->counter_before_drop = held__count(key->cls, entry->held);
	return 0;
}

static __always_inline void ledger__begin_drop_all(__u64 token, __u32 cls)
{
	struct all_of all = {NULL, token, cls};

	bpf_for_each_map_elem(&ledger, begin_drop_of_one, &all, 0);
}

static __always_inline void ledger__end_drop_all(void *ctx, __u64 token, __u32 cls)
{
	struct all_of all = {ctx, token, cls};

	bpf_for_each_map_elem(&ledger, end_drop_of_one, &all, 0);
}

#endif
