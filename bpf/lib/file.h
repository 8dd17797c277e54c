/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* struct file as a record. */
#ifndef VMLEAK_BPF_FILE_H
#define VMLEAK_BPF_FILE_H

#include "file_object.h"
#include "record.h"

/*
 * The file_operations whose module an open file keeps.  debugfs puts its own
 * in front, which belong to nobody, and keeps the module of the file's own.
 */
static __always_inline const struct file_operations *file__owned_operations(struct file *file,
									    __u32 type)
{
	struct debugfs_fsdata *data;

	if (type != VMLEAK_FILE_KVM_DEBUGFS && type != VMLEAK_FILE_KVM_DEBUGFS_MMU)
		return BPF_CORE_READ(file, f_op);
	data = BPF_CORE_READ(file, f_path.dentry, d_fsdata);
	return BPF_CORE_READ(data, real_fops);
}

static __always_inline void file__fill(struct vmleak_file *out, struct file *file, __u32 type)
{
	const struct file_operations *f_op;
	struct inode *inode;

	out->file = (__u64)file;
	out->file_type = type;
	out->object = file__object(file, type, &out->via);
	out->mapping = (__u64)BPF_CORE_READ(file, f_mapping);
	out->f_count = file__count(file);
	out->f_mode = BPF_CORE_READ(file, f_mode);
	inode = BPF_CORE_READ(file, f_inode);
	out->inode = (__u64)inode;
	out->i_size = BPF_CORE_READ(inode, i_size);
	out->i_ino = BPF_CORE_READ(inode, i_ino);
	out->s_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	if (type == VMLEAK_FILE_IO_URING)
		out->detail = io_ring__files((struct io_ring_ctx *)out->object);
	read_name(out->name, file, f_path.dentry, d_name.name);
	f_op = file__owned_operations(file, type);
	BPF_CORE_READ_STR_INTO(&out->module, f_op, owner, name);
}

static __always_inline bool eventfd__is_watched(struct eventfd_ctx *context)
{
	return watch_eventfds && bpf_map_lookup_elem(&watched_eventfds, &context);
}

static __always_inline void eventfd__send_hold(struct eventfd_ctx *context, __u64 holder,
					       __u32 hold)
{
	struct vmleak_eventfd_hold_record record;

	if (!context || !eventfd__is_watched(context))
		return;
	record__init(&record, VMLEAK_RECORD_EVENTFD_HOLD);
	record.context = (__u64)context;
	record.holder = holder;
	record.hold = hold;
	record__send(&record);
}

static __always_inline __u32 file__type_of_interest(struct file *file)
{
	__u32 type = file__type(file);

	if (type == VMLEAK_FILE_EVENTFD && !eventfd__is_watched(BPF_CORE_READ(file, private_data)))
		return VMLEAK_FILE_OTHER;
	return type;
}

static __always_inline void file__send_hold(struct file *file, __u32 hold, __u64 holder)
{
	struct vmleak_file_hold_record record;

	record__init(&record, VMLEAK_RECORD_FILE_HOLD);
	record.hold = hold;
	record.holder = holder;
	file__fill(&record.file, file, file__type_of_interest(file));
	record__send(&record);
}

#endif
