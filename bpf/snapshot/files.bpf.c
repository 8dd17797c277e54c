/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* File tables: which task's descriptor holds which file that matters. */
#include "lib/file.h"
#include <bpf/bpf_tracing.h>

#define S_IFMT 0170000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define FMODE_READ 0x1
#define FMODE_PATH 0x4000
#define SB_KERNMOUNT (1UL << 22)
#define HUGETLBFS_MAGIC 0x958458f6

/* A file of a VM's own process that may be one of its disks. */
static __always_inline bool image_candidate(struct file *file, unsigned short mode)
{
	unsigned int f_mode = BPF_CORE_READ(file, f_mode);
	struct super_block *sb;

	if ((mode & S_IFMT) == S_IFBLK)
		return true;
	/* Log files are write-only. */
	if (!(f_mode & FMODE_READ) || (f_mode & FMODE_PATH))
		return false;
	/* Guest RAM is on hugetlbfs; memfd, pidfd and namespaces are the kernel's own. */
	sb = BPF_CORE_READ(file, f_inode, i_sb);
	return BPF_CORE_READ(sb, s_magic) != HUGETLBFS_MAGIC &&
	       !(BPF_CORE_READ(sb, s_flags) & SB_KERNMOUNT);
}

static __always_inline __u32 file__image_type(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned short mode;

	if (!watch_inodes && !report_images)
		return VMLEAK_FILE_OTHER;
	mode = BPF_CORE_READ(inode, i_mode);
	if ((mode & S_IFMT) != S_IFREG && (mode & S_IFMT) != S_IFBLK)
		return VMLEAK_FILE_OTHER;
	if (report_images)
		return image_candidate(file, mode) ? VMLEAK_FILE_IMAGE : VMLEAK_FILE_OTHER;
	return bpf_map_lookup_elem(&watched_inodes, &inode) ? VMLEAK_FILE_IMAGE : VMLEAK_FILE_OTHER;
}

/*
 * Type of a file in a table, VMLEAK_FILE_OTHER when it is of no interest.
 * ctx->file is a pointer that the verifier trusts: plain loads are several times
 * faster than bpf_probe_read_kernel(), and this runs for every file of the host.
 */
static __always_inline __u32 interesting_type(struct file *file)
{
	const struct file_operations *f_op = file->f_op;
	__u64 function = 0;
	struct sock *sk;
	__u32 type;

	if (f_op)
		function = (__u64)f_op->release;
	if (f_op && !function) /* /dev/kvm */
		function = (__u64)f_op->unlocked_ioctl;
	type = function__file_type(function);
	switch (type) {
	case VMLEAK_FILE_OTHER:
		return file__image_type(file);
	case VMLEAK_FILE_DEBUGFS:
		return debugfs__file_type(file);
	case VMLEAK_FILE_EVENTFD:
		return eventfd__is_watched(file->private_data) ? type : VMLEAK_FILE_OTHER;
	case VMLEAK_FILE_SOCKET:
		sk = file__unix_socket(file);
		return sk && unix_socket__may_hold(sk) ? type : VMLEAK_FILE_OTHER;
	default:
		return type;
	}
}

SEC("?iter/task_file")
int iter__files(struct bpf_iter__task_file *ctx)
{
	struct vmleak_fd_record record;
	struct task_struct *task = ctx->task;
	struct files_struct *table;
	struct file *file = ctx->file;
	__u32 type;

	if (!task || !file)
		return 0;
	files_walked++;
	type = interesting_type(file);
	if (type == VMLEAK_FILE_OTHER)
		return 0;

	record__init(&record, VMLEAK_RECORD_FD);
	file__fill(&record.file, file, type);
	record.file.f_count--; /* the iterator's own */
	table = BPF_CORE_READ(task, files);
	record.table = (__u64)table;
	record.table_users = BPF_CORE_READ(table, count.counter);
	record.tgid = task->tgid;
	record.tid = task->pid;
	record.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/*
 * The reader's own descriptors.  One opened with O_PATH leads to the kernel
 * object behind a debugfs file or a sysfs directory without taking a reference
 * on it.
 */
SEC("?iter/task_file")
int iter__own_fds(struct bpf_iter__task_file *ctx)
{
	struct vmleak_own_fd_record record;
	struct file *file = ctx->file;
	struct inode *inode;
	void *data;

	if (!ctx->task || !file)
		return 0;
	record__init(&record, VMLEAK_RECORD_OWN_FD);
	inode = BPF_CORE_READ(file, f_inode);
	data = BPF_CORE_READ(inode, i_private);
	record.fd = ctx->fd;
	record.inode = (__u64)inode;
	record.i_private = (__u64)data;
	record.mapping = (__u64)BPF_CORE_READ(inode, i_mapping);
	if (bpf_core_type_exists(struct kvm_stat_data))
		record.kvm = (__u64)BPF_CORE_READ((struct kvm_stat_data *)data, kvm);
	record.kobject = (__u64)BPF_CORE_READ((struct kernfs_node *)data, priv);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
