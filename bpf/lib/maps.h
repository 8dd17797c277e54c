/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map, with who writes and who reads it. */
#ifndef VMLEAK_BPF_MAPS_H
#define VMLEAK_BPF_MAPS_H

#include "config.h"

/* Inodes of disk images.  Written by user space, read by iter__files. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__type(key, __u64);
	__type(value, __u8);
} watched_inodes SEC(".maps") __weak;

/*
 * eventfd contexts that a ledger mentions: nobody else's are of interest.
 * Written by user space, read by whatever meets a file or a context.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__type(key, __u64);
	__type(value, __u8);
} watched_eventfds SEC(".maps") __weak;

/*
 * mm_structs, files_structs and thread group ids whose tasks are wanted.
 * Written by user space, read by iter__tasks.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__type(key, __u64);
	__type(value, __u8);
} watched_tasks SEC(".maps") __weak;

/* What programs run by BPF_PROG_RUN found.  Drained by user space after each run. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} records SEC(".maps") __weak;

/* Room for what is too large for the BPF stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vmleak_task_record);
} task_scratch SEC(".maps") __weak;

/* Where a depth-first walk of an xarray is: 64 index bits make 11 levels. */
#define XARRAY_LEVELS 16 /* a power of two, for masking */
struct xarray_walk {
	__u64 nodes[XARRAY_LEVELS]; /* struct xa_node */
	__u32 slots[XARRAY_LEVELS]; /* next one to look at */
	__u32 level;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xarray_walk);
} xarray_scratch SEC(".maps") __weak;

#endif
