/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ledger's maps, with who writes and who reads them. */
#ifndef VMLEAK_BPF_LEDGER_MAPS_H
#define VMLEAK_BPF_LEDGER_MAPS_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <vmleak/ledger_abi.h>

#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE 1024

/* What is out.  Written by the hooks, read by user space; its size is set before it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vmleak_ledger_key);
	__type(value, struct vmleak_ledger_entry);
} ledger SEC(".maps") __weak;

/* struct kvm -> the life that its address has now. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vmleak_ledger_object);
} objects SEC(".maps") __weak;

/* Gets and puts without a token. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vmleak_ledger_sum_key);
	__type(value, struct vmleak_ledger_sum);
} sums SEC(".maps") __weak;

/* struct inode -> who closed a file of it last. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vmleak_ledger_close);
} closes SEC(".maps") __weak;

/* struct inode whose closes count.  Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} watched_inodes SEC(".maps") __weak;

/* struct vfio_device -> its unregistration that began last. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vmleak_ledger_removal);
} removals SEC(".maps") __weak;

/* struct vfio_iommu -> what was mapped into it and out of it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vmleak_ledger_dma);
} dma SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VMLEAK_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps") __weak;

/* Written by user space, but for the generation: field by field, through its memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vmleak_ledger_meta);
} meta SEC(".maps") __weak;

/* struct vmleak_ledger_event, while meta.events says that somebody reads them. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} events SEC(".maps") __weak;

/* What a hook at a function's entry keeps for the one at its exit. */
struct call_key {
	__u64 pid_tgid;
	__u64 function; /* enum call_function */
};

struct call {
	__u64 a;
	__u64 b;
	__u64 c;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps") __weak;

/* Text of KVM and VFIO, whose own gets and puts have tokens; known_text_count are filled. */
#define KNOWN_TEXTS 16
const volatile struct vmleak_text_range known_text[KNOWN_TEXTS] __weak = {};
const volatile __u32 known_text_count __weak = 0;

/* kvm_get_kvm, kvm_get_kvm_safe, kvm_put_kvm. */
#define OUTSIDE_FUNCTIONS 3
const volatile struct vmleak_text_range outside_functions[OUTSIDE_FUNCTIONS] __weak = {};

#endif
