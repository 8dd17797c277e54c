/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes and drops.  An entry is filled where it lies in the map: programs may be
 * preempted, so a per-CPU scratch would not be theirs alone.
 */
#ifndef VMLEAK_BPF_LEDGER_H
#define VMLEAK_BPF_LEDGER_H

#include "file_object.h"
#include "ledger_maps.h"

#define E2BIG 7
#define EEXIST 17

/*
 * Until Linux kernel commit d7ba4cc900bf ("bpf: return long from bpf_map_ops
 * funcs") (in v6.4) only the lower half of a map's answer is set.
 */
static __always_inline int map_error(long answer)
{
	return (int)answer;
}

static __always_inline void count_one(__u32 what)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &what);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline struct vmleak_ledger_meta *ledger__meta(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&meta, &zero);
}

static __always_inline void task__now(struct vmleak_ledger_task *task)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	task->time_ns = bpf_ktime_get_boot_ns();
	task->tgid = pid_tgid >> 32;
	task->tid = (__u32)pid_tgid;
	bpf_get_current_comm(task->comm, sizeof(task->comm));
}

/* ---- what is held ---- */

/* The life of a VM's address; begins when it is first seen. */
static __always_inline __u64 kvm__generation(__u64 kvm)
{
	struct vmleak_ledger_object *known, made = {};
	struct vmleak_ledger_meta *about;

	known = bpf_map_lookup_elem(&objects, &kvm);
	if (known)
		return known->generation;
	about = ledger__meta();
	if (!about)
		return 0;
	made.generation = __sync_fetch_and_add(&about->generation, 1) + 1;
	task__now(&made.made);
	if (bpf_map_update_elem(&objects, &kvm, &made, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&objects, &kvm);
		if (known)
			return known->generation;
		count_one(VMLEAK_COUNT_OBJECTS_LOST);
		return 0;
	}
	return made.generation;
}

enum held_kind {
	HELD_KVM,
	HELD_VFIO_DEVICE,
	HELD_VFIO_GROUP,
	HELD_VFIO_CONTAINER,
	HELD_FILE,
	HELD_MM,
	HELD_EVENTFD,
};

static __always_inline __u32 class__held(__u32 cls)
{
	switch (cls) {
	case VMLEAK_LEDGER_VFIO_DEVICE_FILE:
		return HELD_VFIO_DEVICE;
	case VMLEAK_LEDGER_VFIO_GROUP_FILE:
		return HELD_VFIO_GROUP;
	case VMLEAK_LEDGER_VFIO_CONTAINER_FILE:
	case VMLEAK_LEDGER_VFIO_CONTAINER_GROUP:
		return HELD_VFIO_CONTAINER;
	case VMLEAK_LEDGER_FILE_KVM_VFIO:
	case VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN:
	case VMLEAK_LEDGER_FILE_VHOST_KICK:
	case VMLEAK_LEDGER_FILE_VHOST_BACKEND:
		return HELD_FILE;
	case VMLEAK_LEDGER_MM_VHOST:
		return HELD_MM;
	case VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER:
	case VMLEAK_LEDGER_EVENTFD_IRQFD:
	case VMLEAK_LEDGER_EVENTFD_IOEVENTFD:
		return HELD_EVENTFD;
	default:
		return HELD_KVM;
	}
}

static __always_inline __u64 held__generation(__u32 cls, __u64 held)
{
	switch (class__held(cls)) {
	case HELD_KVM:
		return held ? kvm__generation(held) : 0;
	case HELD_EVENTFD:
		return BPF_CORE_READ((struct eventfd_ctx *)held, id);
	default:
		return 0;
	}
}

/* References on what is held; also of what was freed since, then it is any number. */
static __always_inline __s64 held__count(__u32 cls, __u64 held)
{
	if (!held)
		return -1;
	switch (class__held(cls)) {
	case HELD_KVM:
		return BPF_CORE_READ((struct kvm *)held, users_count.refs.counter);
	case HELD_VFIO_DEVICE:
		if (bpf_core_type_exists(struct vfio_device))
			return BPF_CORE_READ((struct vfio_device *)held, refcount.refs.counter);
		return -1;
	case HELD_VFIO_GROUP:
		if (bpf_core_type_exists(struct vfio_group))
			return BPF_CORE_READ((struct vfio_group *)held, opened_file) != NULL;
		return -1;
	case HELD_VFIO_CONTAINER:
		if (bpf_core_type_exists(struct vfio_container))
			return BPF_CORE_READ((struct vfio_container *)held,
					     kref.refcount.refs.counter);
		return -1;
	case HELD_FILE:
		return file__count((struct file *)held);
	case HELD_MM:
		return BPF_CORE_READ((struct mm_struct *)held, mm_users.counter);
	case HELD_EVENTFD:
		return BPF_CORE_READ((struct eventfd_ctx *)held, kref.refcount.refs.counter);
	}
	return -1;
}

/* ---- events ---- */

static __always_inline bool events__wanted(void)
{
	struct vmleak_ledger_meta *about = ledger__meta();

	return about && about->events;
}

static __always_inline void event__send(void *ctx, __u32 kind, const struct vmleak_ledger_key *key,
					__u64 held, __s64 counter)
{
	struct vmleak_ledger_event *event;
	long size;

	if (!events__wanted())
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_one(VMLEAK_COUNT_EVENTS_LOST);
		return;
	}
	event->kind = kind;
	event->key = *key;
	event->held = held;
	event->counter = counter;
	task__now(&event->task);
	size = bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0);
	event->stack_depth = size > 0 ? (__u64)size / 8 : 0;
	bpf_ringbuf_submit(event, 0);
}

/* ---- takes ---- */

static const struct vmleak_ledger_entry empty_entry;

/* A new entry for these tokens, empty; NULL when there is no room for it. */
static __always_inline struct vmleak_ledger_entry *
entry__insert(const struct vmleak_ledger_key *key)
{
	int error = map_error(bpf_map_update_elem(&ledger, key, &empty_entry, BPF_NOEXIST));

	if (error == -EEXIST) {
		/* Its drop was not seen, or this would be the second of one token. */
		count_one(VMLEAK_COUNT_REPLACED);
		error = map_error(bpf_map_update_elem(&ledger, key, &empty_entry, BPF_ANY));
	}
	if (error) {
		count_one(error == -E2BIG ? VMLEAK_COUNT_OVERFLOW : VMLEAK_COUNT_REFUSED);
		return NULL;
	}
	return bpf_map_lookup_elem(&ledger, key);
}

static __always_inline void ledger__take(void *ctx, const struct vmleak_ledger_key *key, __u64 held)
{
	struct vmleak_ledger_entry *entry;
	long size;

	count_one(VMLEAK_COUNT_TAKES);
	entry = entry__insert(key);
	if (entry) {
		entry->held = held;
		entry->generation = held__generation(key->cls, held);
		entry->counter = held__count(key->cls, held);
		entry->references = 1;
		task__now(&entry->taken);
		size = bpf_get_stack(ctx, entry->stack, sizeof(entry->stack), 0);
		entry->stack_depth = size > 0 ? (__u64)size / 8 : 0;
		entry->state = VMLEAK_ENTRY_OUT;
	}
	event__send(ctx, VMLEAK_EVENT_TAKE, key, held, held__count(key->cls, held));
}

/* The same for classes whose tokens may have several references to one object. */
static __always_inline void ledger__take_more(void *ctx, const struct vmleak_ledger_key *key,
					      __u64 held, __u32 references)
{
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, key);

	if (entry && entry->held == held && entry->generation == held__generation(key->cls, held)) {
		count_one(VMLEAK_COUNT_TAKES);
		__sync_fetch_and_add(&entry->references, references);
		event__send(ctx, VMLEAK_EVENT_TAKE, key, held, held__count(key->cls, held));
		return;
	}
	ledger__take(ctx, key, held);
	if (references > 1) {
		entry = bpf_map_lookup_elem(&ledger, key);
		if (entry)
			entry->references = references;
	}
}

/*
 * What exists when the ledger is armed; never overwrites what a hook has written
 * since.  True when it was not known yet.
 */
static __always_inline bool ledger__seed(const struct vmleak_ledger_key *key, __u64 held,
					 __u32 references)
{
	struct vmleak_ledger_entry *entry;
	int error = map_error(bpf_map_update_elem(&ledger, key, &empty_entry, BPF_NOEXIST));

	if (error) {
		if (error != -EEXIST)
			count_one(error == -E2BIG ? VMLEAK_COUNT_OVERFLOW : VMLEAK_COUNT_REFUSED);
		return false;
	}
	entry = bpf_map_lookup_elem(&ledger, key);
	if (!entry)
		return false;
	entry->held = held;
	entry->generation = held__generation(key->cls, held);
	entry->counter = -1;
	entry->references = references;
	entry->state = VMLEAK_ENTRY_PREEXISTING;
	return true;
}

/* ---- drops ---- */

/* Where the function begins that gives the reference back. */
static __always_inline void ledger__begin_drop(const struct vmleak_ledger_key *key)
{
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, key);

	if (entry)
		entry->counter_before_drop = held__count(key->cls, entry->held);
}

static __always_inline bool held__is_gone(__u32 cls, struct vmleak_ledger_entry *entry)
{
	struct vmleak_ledger_object *object;
	__u64 held = entry->held;

	if (class__held(cls) != HELD_KVM)
		return false;
	object = bpf_map_lookup_elem(&objects, &held);
	return !object || object->generation != entry->generation;
}

static __always_inline void entry__forget(const struct vmleak_ledger_key *key,
					  struct vmleak_ledger_entry *entry)
{
	struct vmleak_ledger_key kept = *key;
	struct vmleak_ledger_meta *about = ledger__meta();
	struct vmleak_ledger_entry *copy;

	if (!about)
		return;
	kept.token[1] = __sync_fetch_and_add(&about->generation, 1) + 1;
	if (bpf_map_update_elem(&ledger, &kept, entry, BPF_NOEXIST)) {
		count_one(VMLEAK_COUNT_OVERFLOW);
		return;
	}
	copy = bpf_map_lookup_elem(&ledger, &kept);
	if (!copy)
		return;
	copy->references = 1;
	task__now(&copy->dropped);
	copy->state = VMLEAK_ENTRY_FORGOTTEN;
}

static __always_inline void entry__end(const struct vmleak_ledger_key *key,
				       struct vmleak_ledger_entry *entry)
{
	if (entry->references > 1)
		__sync_fetch_and_sub(&entry->references, 1);
	else
		bpf_map_delete_elem(&ledger, key);
}

/* Where it ends: the counter has gone down by then, or the reference was forgotten. */
static __always_inline void ledger__end_drop(void *ctx, const struct vmleak_ledger_key *key)
{
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, key);
	__u32 kind = VMLEAK_EVENT_DROP;
	__s64 before, now;
	__u64 held;

	if (!entry)
		return;
	count_one(VMLEAK_COUNT_DROPS);
	held = entry->held;
	before = entry->counter_before_drop;
	/* A VM's memory is unmapped when it is gone: reading there is a page fault. */
	now = held__is_gone(key->cls, entry) ? 0 : held__count(key->cls, held);
	if (before > 0 && now >= before) {
		entry__forget(key, entry);
		kind = VMLEAK_EVENT_FORGET;
	}
	entry__end(key, entry);
	event__send(ctx, kind, key, held, now);
}

/* A drop seen at its beginning only: kprobes have no arguments at the end. */
static __always_inline void ledger__drop(void *ctx, const struct vmleak_ledger_key *key)
{
	struct vmleak_ledger_entry *entry = bpf_map_lookup_elem(&ledger, key);
	__u64 held;

	if (!entry)
		return;
	count_one(VMLEAK_COUNT_DROPS);
	held = entry->held;
	entry__end(key, entry);
	event__send(ctx, VMLEAK_EVENT_DROP, key, held, -1);
}

/* ---- calls ---- */

enum call_function {
	CALL_STAT_DATA_OPEN,
	CALL_MMU_RMAPS_STAT_OPEN,
	CALL_GROUP_OPEN,
	CALL_CONTAINER_OPEN,
	CALL_ATTACH_GROUP,
	CALL_USE_CONTAINER,
	CALL_ASSIGN_CONTAINER,
	CALL_GET_KVM_SAFE,
	CALL_DEVICE_GET_KVM,
	CALL_KVM_VFIO_SET_ATTR,
	CALL_KVM_VFIO_RELEASE,
	CALL_SET_IRQS,
	CALL_IRQFD,
	CALL_IRQFD_SHUTDOWN,
	CALL_IOEVENTFD,
	CALL_IOEVENTFD_DESTRUCTOR,
	CALL_SET_OWNER,
	CALL_VHOST_NET_IOCTL,
	CALL_VHOST_NET_RELEASE,
	CALL_TYPE1_IOCTL,
};

static __always_inline void call__save(__u64 function, __u64 a, __u64 b, __u64 c)
{
	struct call_key key = {bpf_get_current_pid_tgid(), function};
	struct call call = {a, b, c};

	if (bpf_map_update_elem(&calls, &key, &call, BPF_ANY))
		count_one(VMLEAK_COUNT_UNREADABLE);
}

static __always_inline bool call__take(__u64 function, struct call *call)
{
	struct call_key key = {bpf_get_current_pid_tgid(), function};
	struct call *saved = bpf_map_lookup_elem(&calls, &key);

	if (!saved)
		return false;
	*call = *saved;
	bpf_map_delete_elem(&calls, &key);
	return true;
}

/* ---- descriptors ---- */

/* The file that the current task has under a number; NULL when there is none. */
static __always_inline struct file *current__file(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline __u64 current__eventfd(int fd)
{
	struct file *file = current__file(fd);

	if (!file || file__type(file) != VMLEAK_FILE_EVENTFD)
		return 0;
	return (__u64)BPF_CORE_READ(file, private_data);
}

#endif
