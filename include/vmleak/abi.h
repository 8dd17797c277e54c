/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both sides of the kernel boundary know: the records that the programs
 * under bpf/ write and userspace/bpf/ reads.  Kernel addresses in here are
 * identities, nothing dereferences them in user space.
 */
#ifndef VMLEAK_ABI_H
#define VMLEAK_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define VMLEAK_STATIC_ASSERT static_assert
#else
#define VMLEAK_STATIC_ASSERT _Static_assert
#endif

#define VMLEAK_NAME_LEN 32
#define VMLEAK_COMM_LEN 16
#define VMLEAK_STACK_DEPTH 48

enum vmleak_record_type {
	VMLEAK_RECORD_KVM = 1,
	VMLEAK_RECORD_FD,
	VMLEAK_RECORD_FILE,
	VMLEAK_RECORD_FILE_HOLD,
	VMLEAK_RECORD_MAPPING,
	VMLEAK_RECORD_TASK,
	VMLEAK_RECORD_MM,
	VMLEAK_RECORD_VFIO_GROUP,
	VMLEAK_RECORD_VFIO_DEVICE,
	VMLEAK_RECORD_VFIO_CONTAINER,
	VMLEAK_RECORD_DMA_USER,
	VMLEAK_RECORD_IOMMU_GROUP,
	VMLEAK_RECORD_IOMMU_MEMBER,
	VMLEAK_RECORD_VHOST,
	VMLEAK_RECORD_OWN_FD,
	VMLEAK_RECORD_EMBRYO,
	VMLEAK_RECORD_KVM_VFIO,
	VMLEAK_RECORD_EVENTFD,
	VMLEAK_RECORD_EVENTFD_HOLD,
	VMLEAK_RECORD_WALK,
};

/* What a struct file is, found by its file operations; 0 is "something else". */
enum vmleak_file_type {
	VMLEAK_FILE_OTHER,
	VMLEAK_FILE_KVM_CHARDEV,
	VMLEAK_FILE_KVM_VM,
	VMLEAK_FILE_KVM_VCPU,
	VMLEAK_FILE_KVM_DEVICE,
	VMLEAK_FILE_KVM_VM_STATS,
	VMLEAK_FILE_KVM_VCPU_STATS,
	VMLEAK_FILE_KVM_GUEST_MEMFD,
	VMLEAK_FILE_KVM_DEBUGFS,
	VMLEAK_FILE_KVM_DEBUGFS_MMU, /* mmu_rmaps_stat */
	VMLEAK_FILE_VFIO_GROUP,
	VMLEAK_FILE_VFIO_CONTAINER,
	VMLEAK_FILE_VFIO_DEVICE,
	VMLEAK_FILE_IOMMUFD,
	VMLEAK_FILE_VHOST_NET,
	VMLEAK_FILE_VHOST_VSOCK,
	VMLEAK_FILE_VHOST_SCSI,
	VMLEAK_FILE_VHOST_VDPA,
	VMLEAK_FILE_TUN,
	VMLEAK_FILE_IO_URING,
	VMLEAK_FILE_SOCKET,
	VMLEAK_FILE_DEBUGFS,
	VMLEAK_FILE_EVENTFD,
	VMLEAK_FILE_IMAGE, /* regular file or block device that is watched by its inode */
};

/* How something in the kernel, not a file table, holds a file. */
enum vmleak_hold {
	VMLEAK_HOLD_IN_FLIGHT,		 /* holder: file of the unix socket */
	VMLEAK_HOLD_IO_URING_FIXED,	 /* holder: io_ring_ctx */
	VMLEAK_HOLD_IO_URING_REGISTERED, /* holder: task, by tgid */
	VMLEAK_HOLD_IO_URING_SUBMITTER,	 /* holder: task, by tgid; object: io_ring_ctx, no file */
	VMLEAK_HOLD_KVM_VFIO,		 /* holder: kvm_device */
	VMLEAK_HOLD_GROUP_OPENED,	 /* holder: vfio_group; not counted, says where it stands */
	VMLEAK_HOLD_VHOST_BACKEND,	 /* holder: file of the vhost device */
	VMLEAK_HOLD_VHOST_KICK,		 /* holder: file of the vhost device */
	VMLEAK_HOLD_PENDING_FPUT,	 /* holder: task, by tgid; f_count is 0 already */
};

/* What signals an eventfd, or is signalled by it, and so keeps its context. */
enum vmleak_eventfd_hold {
	VMLEAK_EVENTFD_VHOST,	     /* holder: file of the vhost device */
	VMLEAK_EVENTFD_IRQFD,	     /* holder: kvm */
	VMLEAK_EVENTFD_RESAMPLER,    /* holder: kvm */
	VMLEAK_EVENTFD_IOEVENTFD,    /* holder: kvm */
	VMLEAK_EVENTFD_VFIO_TRIGGER, /* holder: vfio_device */
	VMLEAK_EVENTFD_VFIO_WAKE,    /* holder: vfio_device */
};

/* Why a walk says something about itself. */
enum vmleak_walk {
	VMLEAK_WALK_VM_LIST,
	VMLEAK_WALK_VFIO_GROUPS,
	VMLEAK_WALK_MAPPINGS,
	VMLEAK_WALK_SOCKET,
	VMLEAK_WALK_IO_URING,
	VMLEAK_WALK_KVM_VFIO,
	VMLEAK_WALK_EVENTFDS,
	VMLEAK_WALK_DMA,
	VMLEAK_WALK_IOMMU_MEMBERS,
};

struct vmleak_header {
	__u32 type; /* enum vmleak_record_type */
	__u32 size; /* of the whole record, bytes */
};

/* The parts of a struct file that matter; file is 0 when there is none. */
struct vmleak_file {
	__u64 file;
	__u64 object; /* what it keeps: kvm, vfio_group, vfio_device, io_ring_ctx, ... */
	__u64 via;    /* kvm/device-file: the kvm_device; sockets: the struct sock */
	__u64 inode;
	__u64 mapping;	 /* f_mapping */
	__s64 f_count;	 /* as read; the reader's own reference is still in it */
	__u32 file_type; /* enum vmleak_file_type */
	__u32 f_mode;
	__u64 i_ino;
	__u32 s_dev;		      /* kernel encoding: major << 20 | minor */
	__u32 detail;		      /* io-uring: registered files */
	__s64 i_size;		      /* bytes */
	char name[VMLEAK_NAME_LEN];   /* of the dentry */
	char module[VMLEAK_NAME_LEN]; /* owner of its file operations */
};

struct vmleak_fd_record {
	struct vmleak_header header;
	struct vmleak_file file;
	__u64 table; /* files_struct */
	__u32 tgid;
	__u32 tid;
	__u32 fd;
	__u32 table_users; /* files_struct.count */
};

struct vmleak_file_record {
	struct vmleak_header header;
	struct vmleak_file file;
};

struct vmleak_file_hold_record {
	struct vmleak_header header;
	struct vmleak_file file; /* what is held */
	__u64 holder;
	__u32 hold; /* enum vmleak_hold */
	__u32 tgid;
};

struct vmleak_mapping_record {
	struct vmleak_header header;
	struct vmleak_file file; /* vm_file */
	__u64 mm;
	__u64 vma;
	__u64 bytes;
	__u64 offset; /* vm_pgoff in bytes */
};

struct vmleak_kvm_record {
	struct vmleak_header header;
	__u64 kvm;
	__u64 mm;
	__u64 sev_source; /* a mirror VM's source */
	__s64 users_count;
	__u64 memory_pages;
	__s32 userspace_pid;
	__s32 online_vcpus;
	__u32 holds_module; /* the VM itself keeps the vendor's module */
	__u32 pad;
	char stats_id[48];
};

struct vmleak_mm_record {
	struct vmleak_header header;
	__u64 mm;
	__s64 mm_users;
	__u64 total_pages;
	__s32 owner_tgid; /* 0 when nobody owns it any more */
	__u32 pad;
	char owner_comm[VMLEAK_COMM_LEN];
};

struct vmleak_task_record {
	struct vmleak_header header;
	__u64 task;
	__u64 mm;
	__u64 table;	    /* files_struct */
	__u64 start_ns;	    /* since boot, CLOCK_MONOTONIC */
	__s64 syscall;	    /* pt_regs.orig_ax: -1 and below when not in a system call */
	__u64 syscall_arg0; /* pt_regs.di */
	__u32 tid;
	__u32 tgid;
	__u32 flags; /* PF_* */
	__u32 state; /* __state */
	__u32 exit_state;
	__u32 on_cpu; /* its stack can't be read */
	__u32 dumps_core;
	__u32 closing; /* enum vmleak_closing of the innermost match */
	__u32 stack_depth;
	__u32 in_device_call; /* one of its functions binds, removes or resets devices */
	char comm[VMLEAK_COMM_LEN];
	__u64 stack[VMLEAK_STACK_DEPTH]; /* stack_depth of them are sent */
};

/* Kernel functions that mean "this task is closing files" when on a stack. */
enum vmleak_closing {
	VMLEAK_CLOSING_NONE,
	VMLEAK_CLOSING_UNKNOWN, /* runs, in a system call that closes: no stack to read */
	VMLEAK_CLOSING_TASK_WORK,
	VMLEAK_CLOSING_EXIT_MMAP,
	VMLEAK_CLOSING_DESTROY_VM,
};

/* Text of a function that says what a task with it on its stack is doing, [start, end). */
struct vmleak_stack_range {
	__u64 start;
	__u64 end;
	__u32 closing;	   /* enum vmleak_closing */
	__u32 device_call; /* 1: it binds, removes or resets devices */
};

struct vmleak_vfio_group_record {
	struct vmleak_header header;
	__u64 group;
	__u64 iommu_group;
	__u64 container;
	__u64 kvm;
	__u64 opened_file;
	__s64 drivers;
	__s64 container_users;
	__s32 number; /* iommu_group.id */
	__u32 pad;
};

struct vmleak_vfio_device_record {
	struct vmleak_header header;
	__u64 device;
	__u64 group;
	__u64 kvm;
	__u64 mapping; /* of the device's own inode; 0 when it has none */
	__s64 refcount;
	__s64 open_count;
	/* 1: the kernel counts the VM this device points to (has put_kvm). */
	__u32 holds_kvm;
	__u32 pad;
	char name[VMLEAK_NAME_LEN]; /* dev_name(), e.g. the PCI address */
	char driver[VMLEAK_NAME_LEN];
};

struct vmleak_vfio_container_record {
	struct vmleak_header header;
	__u64 container;
	__u64 iommu_data; /* type1: its vfio_iommu */
	__s64 kref;
	__s64 groups; /* on its group_list */
	char driver[VMLEAK_NAME_LEN];
};

struct vmleak_dma_user_record {
	struct vmleak_header header;
	__u64 container;
	__u64 task;
	__u64 mm;
	__u64 bytes;
	__s32 tgid;
	__u32 flags;
	__u32 exit_state;
	__u32 pad;
	char comm[VMLEAK_COMM_LEN];
};

struct vmleak_iommu_group_record {
	struct vmleak_header header;
	__u64 group;
	__u64 owner;
	__s64 devices_kobj; /* kref */
	__s64 owner_cnt;
	__s32 number;
	__u32 pad;
};

struct vmleak_iommu_member_record {
	struct vmleak_header header;
	__u64 group;
	__u64 device;
	__u32 driver_managed_dma;
	__u32 pad;
	char name[VMLEAK_NAME_LEN];
	char driver[VMLEAK_NAME_LEN];
};

struct vmleak_vhost_record {
	struct vmleak_header header;
	__u64 file;   /* of the vhost device */
	__u64 device; /* vhost_dev */
	__u64 mm;     /* whose mm_users it holds */
	__s32 worker_tid;
	__u32 pad;
	char worker_comm[VMLEAK_COMM_LEN];
};

/* A connection in a listening unix socket's queue that nobody accepted yet. */
struct vmleak_embryo_record {
	struct vmleak_header header;
	__u64 file; /* of the listener */
	__u64 sock;
};

/* A kvm-vfio device among a VM's devices. */
struct vmleak_kvm_vfio_record {
	struct vmleak_header header;
	__u64 device; /* kvm_device */
	__u64 kvm_vfio;
};

/* struct eventfd_ctx. */
struct vmleak_eventfd_record {
	struct vmleak_header header;
	__u64 context;
	__s64 kref;
	__s64 id;
};

struct vmleak_eventfd_hold_record {
	struct vmleak_header header;
	__u64 context; /* a watched one */
	__u64 holder;
	__u32 hold; /* enum vmleak_eventfd_hold */
	__u32 pad;
};

/* One of the reading process's own descriptors, opened to reach an object. */
struct vmleak_own_fd_record {
	struct vmleak_header header;
	__u32 fd;
	__u32 pad;
	__u64 inode;
	__u64 i_private; /* debugfs: what the file was made with */
	__u64 kvm;	 /* i_private as kvm_stat_data */
	__u64 kobject;	 /* sysfs directory: kernfs_node.priv */
	__u64 mapping;	 /* f_mapping */
};

/* How a walk over a list or tree went. */
struct vmleak_walk_record {
	struct vmleak_header header;
	__u32 walk;	    /* enum vmleak_walk */
	__u32 inconsistent; /* links that did not point back, or a bound was hit */
	__u64 visited;
	__u64 checksum; /* of the nodes' addresses in order: two equal walks agree */
};

/* Argument of every program that is run by BPF_PROG_RUN. */
struct vmleak_walk_args {
	__u64 address; /* of the object to read */
	__u64 extra;
};

/* Both compilers see the same layout. */
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_header) == 8, "header");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_file) == 144, "file");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_fd_record) == 176, "fd_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_file_record) == 152, "file_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_file_hold_record) == 168, "file_hold_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_mapping_record) == 184, "mapping_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_kvm_record) == 112, "kvm_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_mm_record) == 56, "mm_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_task_record) == 112 + 8 * VMLEAK_STACK_DEPTH,
		     "task_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_stack_range) == 24, "stack_range");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_vfio_group_record) == 72, "vfio_group_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_vfio_device_record) == 128, "vfio_device_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_vfio_container_record) == 72, "vfio_container_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_dma_user_record) == 72, "dma_user_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_iommu_group_record) == 48, "iommu_group_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_iommu_member_record) == 96, "iommu_member_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_vhost_record) == 56, "vhost_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_embryo_record) == 24, "embryo_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_kvm_vfio_record) == 24, "kvm_vfio_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_eventfd_record) == 32, "eventfd_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_eventfd_hold_record) == 32, "eventfd_hold_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_own_fd_record) == 56, "own_fd_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_walk_record) == 32, "walk_record");
VMLEAK_STATIC_ASSERT(sizeof(struct vmleak_walk_args) == 16, "walk_args");

#endif
