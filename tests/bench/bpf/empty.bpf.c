/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least that a hook can cost: programs that do nothing, on functions that the ledger hooks. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define EMPTY(function)                                                                            \
	SEC("fentry/" #function)                                                                   \
	int fentry__##function(void *ctx)                                                          \
	{                                                                                          \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/" #function)                                                                    \
	int fexit__##function(void *ctx)                                                           \
	{                                                                                          \
		return 0;                                                                          \
	}

SEC("fexit/__anon_inode_getfile")
int fexit__anon_inode_getfile(void *ctx)
{
	return 0;
}

SEC("fentry/__fput")
int fentry__fput(void *ctx)
{
	return 0;
}

EMPTY(kvm_vm_release)
EMPTY(kvm_vcpu_release)
EMPTY(kvm_vm_stats_release)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
