/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of KVM: where every anonymous file is made, and where each kind is released. */
#include "lib/ledger_files.h"
#include <bpf/bpf_tracing.h>

#define MAX_ERRNO 4095

static __always_inline void made(void *ctx, struct file *file)
{
	__u32 type;

	if (!file || (unsigned long)file >= (unsigned long)-MAX_ERRNO)
		return;
	type = operations__file_type(BPF_CORE_READ(file, f_op));
	if (file_type__class(type) != VMLEAK_LEDGER_NONE)
		file__take(ctx, file, type);
}

SEC("?fexit/__anon_inode_getfile")
int BPF_PROG(fexit__anon_inode_getfile, const char *name, const struct file_operations *fops,
	     void *priv, int flags, const struct inode *context_inode, bool make_inode,
	     struct file *ret)
{
	made(ctx, ret);
	return 0;
}

SEC("?kretprobe/__anon_inode_getfile")
int BPF_KRETPROBE(kretprobe__anon_inode_getfile, struct file *ret)
{
	made(ctx, ret);
	return 0;
}

FILE_RELEASE(kvm_vm_release, VMLEAK_LEDGER_KVM_VM_FILE)
FILE_RELEASE(kvm_vcpu_release, VMLEAK_LEDGER_KVM_VCPU_FILE)
FILE_RELEASE(kvm_device_release, VMLEAK_LEDGER_KVM_DEVICE_FILE)
FILE_RELEASE(kvm_vm_stats_release, VMLEAK_LEDGER_KVM_VM_STATS_FILE)
FILE_RELEASE(kvm_vcpu_stats_release, VMLEAK_LEDGER_KVM_VCPU_STATS_FILE)
FILE_RELEASE(kvm_gmem_release, VMLEAK_LEDGER_KVM_GUEST_MEMFD_FILE)
FILE_RELEASE(kvm_debugfs_release, VMLEAK_LEDGER_KVM_DEBUGFS_FILE)
FILE_RELEASE(kvm_mmu_rmaps_stat_release, VMLEAK_LEDGER_KVM_DEBUGFS_FILE)

FILE_OPEN(kvm_stat_data_open, VMLEAK_FILE_KVM_DEBUGFS, CALL_STAT_DATA_OPEN)
FILE_OPEN(kvm_mmu_rmaps_stat_open, VMLEAK_FILE_KVM_DEBUGFS_MMU, CALL_MMU_RMAPS_STAT_OPEN)

/* Ends the life of the address: what is recorded for it from now on is another VM's. */
static __always_inline void destroyed(void *ctx, struct kvm *kvm)
{
	struct vmleak_ledger_key key = {{(__u64)kvm, 0}, VMLEAK_LEDGER_NONE, 0};
	__u64 address = (__u64)kvm;

	bpf_map_delete_elem(&objects, &address);
	event__send(ctx, VMLEAK_EVENT_DESTROY, &key, address, 0);
}

SEC("?fentry/kvm_destroy_vm")
int BPF_PROG(fentry__kvm_destroy_vm, struct kvm *kvm)
{
	destroyed(ctx, kvm);
	return 0;
}

SEC("?kprobe/kvm_destroy_vm")
int BPF_KPROBE(kprobe__kvm_destroy_vm, struct kvm *kvm)
{
	destroyed(ctx, kvm);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
