/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user space finds out before it loads the programs. */
#ifndef VMLEAK_BPF_CONFIG_H
#define VMLEAK_BPF_CONFIG_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <vmleak/abi.h>

/* Addresses of list heads, from /proc/kallsyms; 0: not there. */
const volatile __u64 vm_list_address __weak = 0;

/*
 * Every symbol called "vfio": vfio.ko has up to three static variables of that
 * name in different files, and only one of them is the list of groups.
 */
#define VFIO_CANDIDATES 8
const volatile __u64 vfio_addresses[VFIO_CANDIDATES] __weak = {};

/* stack_range_count of them are filled. */
#define STACK_RANGES 64
const volatile struct vmleak_stack_range stack_ranges[STACK_RANGES] __weak = {};
const volatile __u32 stack_range_count __weak = 0;

/* ____fput(): what a file queues to a task to be put later. */
const volatile __u64 fput_work_address __weak = 0;

/* file_operations of VM files, kvm_vm_fops; 0: kallsyms does not say. */
const volatile __u64 kvm_vm_fops_address __weak = 0;

/* kvm_amd is loaded, so a struct kvm is the first part of a struct kvm_svm. */
const volatile bool vendor_is_amd __weak = false;

/* Whether watched_inodes has entries; spares a look-up per regular file. */
bool watch_inodes __weak = false;
/* Whether watched_eventfds has entries. */
bool watch_eventfds __weak = false;
/* Report every disk image candidate: set while reading one VM's own files. */
bool report_images __weak = false;

/* Looked at since the program was loaded. */
__u64 files_walked __weak = 0;
/* Records that the ring buffer had no room for. */
__u64 records_lost __weak = 0;

#endif
