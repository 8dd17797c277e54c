/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Virtual machines: from vm_list, or one whose address is known. */
#include "lib/file.h"
#include "lib/list.h"

#define MAX_VMS 65536
#define MAX_VM_DEVICES 1024
#define MAX_VFIO_FILES 4096

/*
 * Whether a VM itself keeps the vendor's module.  Since Linux kernel commit
 * 087e15206d6a ("KVM: Set file_operations.owner appropriately for all such
 * structures") (in v6.7) its files do, and it does not.
 */
static __always_inline bool vm__holds_module(void)
{
	struct file_operations *fops = (struct file_operations *)kvm_vm_fops_address;

	return fops && !BPF_CORE_READ(fops, owner);
}

static __always_inline void kvm__send(struct kvm *kvm)
{
	struct vmleak_kvm_record record;

	record__init(&record, VMLEAK_RECORD_KVM);
	record.kvm = (__u64)kvm;
	record.mm = (__u64)BPF_CORE_READ(kvm, mm);
	record.holds_module = vm__holds_module();
	record.users_count = BPF_CORE_READ(kvm, users_count.refs.counter);
	record.memory_pages = BPF_CORE_READ(kvm, nr_memslot_pages);
	record.userspace_pid = BPF_CORE_READ(kvm, userspace_pid);
	record.online_vcpus = BPF_CORE_READ(kvm, online_vcpus.counter);
	BPF_CORE_READ_STR_INTO(&record.stats_id, kvm, stats_id);
	if (vendor_is_amd && bpf_core_type_exists(struct kvm_svm))
		record.sev_source =
		    (__u64)BPF_CORE_READ((struct kvm_svm *)kvm, sev_info.enc_context_owner);
	record__send(&record);
}

static long step_kvm(__u32 index, struct list_walk *walk)
{
	if (!list_walk__next(walk))
		return 1;
	kvm__send((void *)walk->at - bpf_core_field_offset(struct kvm, vm_list));
	return 0;
}

SEC("?syscall")
int run__vm_list(struct vmleak_walk_args *args)
{
	struct list_walk walk = {
	    .head = (struct list_head *)vm_list_address,
	    .at = (struct list_head *)vm_list_address,
	};

	if (!vm_list_address)
		return 0;
	if (bpf_loop(MAX_VMS, step_kvm, &walk, 0) == MAX_VMS)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_VM_LIST, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

SEC("?syscall")
int run__kvm(struct vmleak_walk_args *args)
{
	if (args->address)
		kvm__send((struct kvm *)args->address);
	return 0;
}

static long step_vfio_file(__u32 index, struct list_walk *walk)
{
	struct kvm_vfio_file *entry;
	struct file *file;

	if (!list_walk__next(walk))
		return 1;
	entry = (void *)walk->at - bpf_core_field_offset(struct kvm_vfio_file, node);
	file = BPF_CORE_READ(entry, file);
	if (file)
		file__send_hold(file, VMLEAK_HOLD_KVM_VFIO, walk->object);
	return 0;
}

static __always_inline bool is_kvm_vfio(struct kvm_device *device)
{
	char name[16] = {};

	read_name(name, device, ops, name);
	return name[0] == 'k' && name[1] == 'v' && name[2] == 'm' && name[3] == '-' &&
	       name[4] == 'v' && name[5] == 'f' && name[6] == 'i' && name[7] == 'o' && !name[8];
}

static long step_device(__u32 index, struct list_walk *walk)
{
	struct vmleak_kvm_vfio_record record;
	struct kvm_device *device;

	if (!list_walk__next(walk))
		return 1;
	device = (void *)walk->at - bpf_core_field_offset(struct kvm_device, vm_node);
	if (!is_kvm_vfio(device))
		return 0;
	record__init(&record, VMLEAK_RECORD_KVM_VFIO);
	record.device = (__u64)device;
	record.kvm_vfio = (__u64)BPF_CORE_READ(device, private);
	record__send(&record);
	return 0;
}

/* The kvm-vfio devices of a VM.  args->address: struct kvm. */
SEC("?syscall")
int run__kvm_devices(struct vmleak_walk_args *args)
{
	struct kvm *kvm = (struct kvm *)args->address;
	struct list_walk walk = {};

	if (!kvm)
		return 0;
	walk.head = (void *)kvm + bpf_core_field_offset(struct kvm, devices);
	walk.at = walk.head;
	if (bpf_loop(MAX_VM_DEVICES, step_device, &walk, 0) == MAX_VM_DEVICES)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_KVM_VFIO, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

/* Group files that a kvm-vfio device holds.  args->address: kvm_vfio, args->extra: kvm_device. */
SEC("?syscall")
int run__kvm_vfio(struct vmleak_walk_args *args)
{
	struct list_walk walk = {.object = args->extra};

	if (!args->address)
		return 0;
	walk.head = (void *)args->address + bpf_core_field_offset(struct kvm_vfio, file_list);
	walk.at = walk.head;
	if (bpf_loop(MAX_VFIO_FILES, step_vfio_file, &walk, 0) == MAX_VFIO_FILES)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_KVM_VFIO, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}
