/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tells two walks over the same list apart. */
#ifndef VMLEAK_BPF_CHECKSUM_H
#define VMLEAK_BPF_CHECKSUM_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

/* Order matters: the same nodes in another order give another sum. */
static __always_inline __u64 checksum_add(__u64 checksum, __u64 address)
{
	return (checksum ^ address) * 0x100000001b3ULL;
}

#endif
