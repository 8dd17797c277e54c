/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kvm-vfio device's hold on the files of VFIO groups and devices. */
#include "lib/ledger_all.h"
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/kvm.h */
#define KVM_DEV_VFIO_FILE 1
#define KVM_DEV_VFIO_FILE_ADD 1
#define KVM_DEV_VFIO_FILE_DEL 2

static __always_inline struct vmleak_ledger_key pair(struct kvm_device *device, struct file *file)
{
	struct vmleak_ledger_key key = {
	    {(__u64)BPF_CORE_READ(device, private), (__u64)file},
	    VMLEAK_LEDGER_FILE_KVM_VFIO,
	    0,
	};

	return key;
}

/* The file that the attribute's descriptor number stands for. */
static __always_inline struct file *attribute__file(struct kvm_device_attr *attribute)
{
	int fd = -1;

	if (BPF_CORE_READ(attribute, group) != KVM_DEV_VFIO_FILE)
		return NULL;
	bpf_probe_read_user(&fd, sizeof(fd), (void *)BPF_CORE_READ(attribute, addr));
	return current__file(fd);
}

static __always_inline void set(void *ctx, struct kvm_device *device,
				struct kvm_device_attr *attribute)
{
	struct file *file = attribute__file(attribute);
	struct vmleak_ledger_key key = pair(device, file);
	__u64 operation = BPF_CORE_READ(attribute, attr);

	if (!file)
		return;
	if (operation == KVM_DEV_VFIO_FILE_ADD)
		ledger__take(ctx, &key, (__u64)file);
	else if (operation == KVM_DEV_VFIO_FILE_DEL)
		ledger__end_drop(ctx, &key);
}

SEC("?fentry/kvm_vfio_set_attr")
int BPF_PROG(fentry__kvm_vfio_set_attr, struct kvm_device *device,
	     struct kvm_device_attr *attribute)
{
	struct file *file = attribute__file(attribute);
	struct vmleak_ledger_key key = pair(device, file);

	if (file && BPF_CORE_READ(attribute, attr) == KVM_DEV_VFIO_FILE_DEL)
		ledger__begin_drop(&key);
	return 0;
}

SEC("?fexit/kvm_vfio_set_attr")
int BPF_PROG(fexit__kvm_vfio_set_attr, struct kvm_device *device, struct kvm_device_attr *attribute,
	     int ret)
{
	if (!ret)
		set(ctx, device, attribute);
	return 0;
}

SEC("?kprobe/kvm_vfio_set_attr")
int BPF_KPROBE(kprobe__kvm_vfio_set_attr, struct kvm_device *device,
	       struct kvm_device_attr *attribute)
{
	call__save(CALL_KVM_VFIO_SET_ATTR, (__u64)device, (__u64)attribute, 0);
	return 0;
}

SEC("?kretprobe/kvm_vfio_set_attr")
int BPF_KRETPROBE(kretprobe__kvm_vfio_set_attr, int ret)
{
	struct call call;

	if (call__take(CALL_KVM_VFIO_SET_ATTR, &call) && !ret)
		set(ctx, (struct kvm_device *)call.a, (struct kvm_device_attr *)call.b);
	return 0;
}

/* Frees the list of files, and the kvm_vfio with it. */
SEC("?fentry/kvm_vfio_release")
int BPF_PROG(fentry__kvm_vfio_release, struct kvm_device *device)
{
	__u64 kvm_vfio = (__u64)BPF_CORE_READ(device, private);

	call__save(CALL_KVM_VFIO_RELEASE, kvm_vfio, 0, 0);
	ledger__begin_drop_all(kvm_vfio, VMLEAK_LEDGER_FILE_KVM_VFIO);
	return 0;
}

SEC("?fexit/kvm_vfio_release")
int BPF_PROG(fexit__kvm_vfio_release, struct kvm_device *device)
{
	struct call call;

	if (call__take(CALL_KVM_VFIO_RELEASE, &call))
		ledger__end_drop_all(ctx, call.a, VMLEAK_LEDGER_FILE_KVM_VFIO);
	return 0;
}

SEC("?kprobe/kvm_vfio_release")
int BPF_KPROBE(kprobe__kvm_vfio_release, struct kvm_device *device)
{
	ledger__end_drop_all(ctx, (__u64)BPF_CORE_READ(device, private),
			     VMLEAK_LEDGER_FILE_KVM_VFIO);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
