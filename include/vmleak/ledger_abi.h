/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both sides of the kernel boundary know of the ledger: the maps that the
 * programs under bpf/ledger/ fill and userspace/bpf/ reads.  An armed ledger is
 * pinned and outlives the vmleak that loaded it: whoever changes a structure
 * here raises VMLEAK_LEDGER_VERSION.
 */
#ifndef VMLEAK_LEDGER_ABI_H
#define VMLEAK_LEDGER_ABI_H

#include "abi.h"

#define VMLEAK_LEDGER_VERSION 1
#define VMLEAK_LEDGER_STACK_DEPTH 32

/* Text of a module or a function, [start, end). */
struct vmleak_text_range {
	__u64 start;
	__u64 end;
};

/*
 * What kind of reference an entry is.  One row of userspace/model/ledger_class
 * each.  The comment says the two tokens that take and drop both see, and what
 * is held.
 */
enum vmleak_ledger_class {
	VMLEAK_LEDGER_NONE,
	/* (file, 0), holds file's object */
	VMLEAK_LEDGER_KVM_VM_FILE,
	VMLEAK_LEDGER_KVM_VCPU_FILE,
	VMLEAK_LEDGER_KVM_DEVICE_FILE,
	VMLEAK_LEDGER_KVM_VM_STATS_FILE,
	VMLEAK_LEDGER_KVM_VCPU_STATS_FILE,
	VMLEAK_LEDGER_KVM_GUEST_MEMFD_FILE,
	VMLEAK_LEDGER_KVM_DEBUGFS_FILE,
	VMLEAK_LEDGER_VFIO_DEVICE_FILE,
	VMLEAK_LEDGER_VFIO_GROUP_FILE,
	VMLEAK_LEDGER_VFIO_CONTAINER_FILE,
	/* (vfio_device, 0), holds the kvm */
	VMLEAK_LEDGER_KVM_VFIO_DEVICE,
	/* (kvm_vfio, file), holds the file */
	VMLEAK_LEDGER_FILE_KVM_VFIO,
	/* (vfio_group, 0), holds the container */
	VMLEAK_LEDGER_VFIO_CONTAINER_GROUP,
	/* (vfio_group or, until v6.2, vfio_device; 0), holds the group's file */
	VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN,
	/* (vhost_dev, 0), holds the mm */
	VMLEAK_LEDGER_MM_VHOST,
	/* (vhost_virtqueue, 0), holds a file */
	VMLEAK_LEDGER_FILE_VHOST_KICK,
	VMLEAK_LEDGER_FILE_VHOST_BACKEND,
	/* (vfio_pci_core_device, 0), slot: IRQ index << 16 | vector; holds an eventfd_ctx */
	VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER,
	/* (kvm, eventfd_ctx), holds the eventfd_ctx */
	VMLEAK_LEDGER_EVENTFD_IRQFD,
	/* (eventfd_ctx, 0), holds the eventfd_ctx */
	VMLEAK_LEDGER_EVENTFD_IOEVENTFD,
	VMLEAK_LEDGER_CLASSES,
};

enum vmleak_ledger_state {
	VMLEAK_ENTRY_OUT,	  /* taken and not given back */
	VMLEAK_ENTRY_PREEXISTING, /* was there when the ledger was armed: no stack, no task */
	/* The function that has to give it back has run, and the counter has not gone down. */
	VMLEAK_ENTRY_FORGOTTEN,
};

/*
 * A forgotten entry gets a token[1] of its own, a number that no take uses: its
 * old tokens may come back with the next object at the same address.
 */
struct vmleak_ledger_key {
	__u64 token[2];
	__u32 cls; /* enum vmleak_ledger_class */
	__u32 slot;
};

/* A task at one moment. */
struct vmleak_ledger_task {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u32 tgid;
	__u32 tid;
	char comm[VMLEAK_COMM_LEN];
};

/* One reference, or several with the same tokens. */
struct vmleak_ledger_entry {
	__u64 held;	  /* the object whose counter it is a part of */
	__u64 generation; /* of held: kvm: see objects; eventfd_ctx: its id; otherwise 0 */
	__s64 counter;	  /* of held, after the take; -1: could not be read */
	__s64 counter_before_drop;
	struct vmleak_ledger_task taken;   /* all 0 when preexisting */
	struct vmleak_ledger_task dropped; /* forgotten: by whom */
	__u32 state;			   /* enum vmleak_ledger_state */
	__u32 references;
	__u32 pad;
	__u32 stack_depth;
	__u64 stack[VMLEAK_LEDGER_STACK_DEPTH]; /* innermost first */
};

/* Lives of one address: map objects, by address. */
struct vmleak_ledger_object {
	__u64 generation; /* counts up over all objects; never 0 */
	struct vmleak_ledger_task made;
};

/* Gets and puts that nobody can tell apart: map sums. */
struct vmleak_ledger_sum_key {
	__u64 object; /* struct kvm */
	__u64 generation;
	__u64 caller;	   /* return address in the caller */
	__u32 at_or_below; /* 1: the caller jumped, so a function below it did it */
	__u32 is_put;
	__u64 stack_hash; /* FNV-1a of the stack */
};

struct vmleak_ledger_sum {
	__u64 count;
	struct vmleak_ledger_task last;
	__u32 stack_depth;
	__u32 pad;
	__u64 stack[VMLEAK_LEDGER_STACK_DEPTH];
};

/* Last close of a watched inode: map closes, by struct inode. */
struct vmleak_ledger_close {
	struct vmleak_ledger_task last;
	__u64 file;
	__u64 count;
};

/* DMA mappings of one type1 container: map dma, by struct vfio_iommu. */
struct vmleak_ledger_dma {
	__u64 mapped_bytes;
	__u64 unmapped_bytes;
	__u64 maps;
	__u64 unmaps;
};

/* A device's unregistration that began: map removals, by struct vfio_device. */
struct vmleak_ledger_removal {
	struct vmleak_ledger_task task;
	__s64 refcount; /* of the device when it began; 1: only its registration */
	__u32 stack_depth;
	__u32 pad;
	__u64 stack[VMLEAK_LEDGER_STACK_DEPTH];
};

/* What the ledger could not keep: map counts, an array of __u64. */
enum vmleak_ledger_count {
	VMLEAK_COUNT_TAKES,
	VMLEAK_COUNT_DROPS,
	VMLEAK_COUNT_OVERFLOW,	   /* no room for an entry */
	VMLEAK_COUNT_REFUSED,	   /* the map refused for another reason */
	VMLEAK_COUNT_REPLACED,	   /* an entry of an earlier life stood in the way */
	VMLEAK_COUNT_SUMS_LOST,	   /* no room for a sum */
	VMLEAK_COUNT_OBJECTS_LOST, /* no room for an object's generation */
	VMLEAK_COUNT_EVENTS_LOST,  /* nobody read them fast enough */
	VMLEAK_COUNT_UNREADABLE,   /* a take whose token could not be read */
	VMLEAK_COUNT_CLOSES_LOST,
	VMLEAK_COUNTS,
};

/* What whoever reads an armed ledger has to know: map meta, one element. */
struct vmleak_ledger_meta {
	__u32 version; /* VMLEAK_LEDGER_VERSION, always the first */
	__u32 capacity;
	__u64 armed_ns;		      /* CLOCK_BOOTTIME */
	__u64 generation;	      /* the last one given */
	__u32 files;		      /* file closes are recorded */
	__u32 events;		      /* somebody reads events */
	char vmleak[VMLEAK_NAME_LEN]; /* version of the program that armed it */
};

enum vmleak_ledger_event_kind {
	VMLEAK_EVENT_TAKE,
	VMLEAK_EVENT_DROP,
	VMLEAK_EVENT_FORGET, /* a drop that gave nothing back */
	VMLEAK_EVENT_GET,    /* tokenless */
	VMLEAK_EVENT_PUT,
	VMLEAK_EVENT_CLOSE,
	VMLEAK_EVENT_REMOVAL,
	VMLEAK_EVENT_DESTROY, /* the object ends: kvm */
};

/* Ring buffer events, only while meta.events. */
struct vmleak_ledger_event {
	__u32 kind; /* enum vmleak_ledger_event_kind */
	__u32 stack_depth;
	struct vmleak_ledger_key key; /* cls VMLEAK_LEDGER_NONE: token[0] is the object */
	__u64 held;
	__s64 counter; /* of held, after it; -1: not read */
	struct vmleak_ledger_task task;
	__u64 stack[VMLEAK_LEDGER_STACK_DEPTH];
};

VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_key) == 24, "ledger_key");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_task) == 32, "ledger_task");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_entry) == 112 + 8 * VMLEAK_LEDGER_STACK_DEPTH,
		     "ledger_entry");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_object) == 40, "ledger_object");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_sum_key) == 40, "ledger_sum_key");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_sum) == 48 + 8 * VMLEAK_LEDGER_STACK_DEPTH,
		     "ledger_sum");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_close) == 48, "ledger_close");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_dma) == 32, "ledger_dma");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_removal) == 48 + 8 * VMLEAK_LEDGER_STACK_DEPTH,
		     "ledger_removal");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_meta) == 64, "ledger_meta");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_ledger_event) == 80 + 8 * VMLEAK_LEDGER_STACK_DEPTH,
		     "ledger_event");

#endif
