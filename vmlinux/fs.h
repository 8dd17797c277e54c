/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_FS_H
#define VMLEAK_VMLINUX_FS_H

struct file;
struct inode;

struct module {
	char name[56];
};

struct file_operations {
	struct module *owner;
	long (*unlocked_ioctl)(struct file *, unsigned int, unsigned long);
	int (*open)(struct inode *, struct file *);
	int (*release)(struct inode *, struct file *);
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	void *d_fsdata;
};

struct path {
	struct dentry *dentry;
};

struct super_block {
	u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
};

struct address_space {
	struct rb_root_cached i_mmap; /* of vm_area_struct.shared.rb */
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	struct address_space *i_mapping;
	unsigned long i_ino;
	s64 i_size;
	void *i_private;
};

struct file {
	unsigned int f_mode;
	const struct file_operations *f_op;
	void *private_data;
	struct inode *f_inode;
	struct address_space *f_mapping;
	struct path f_path;
	atomic_long_t f_count;
};

struct wait_queue_head {
	struct list_head head;
};

/* An eventfd file's private_data. */
struct eventfd_ctx {
	struct kref kref;
	struct wait_queue_head wqh;
	unsigned int flags;
	int id;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	atomic_t count;
};

/* dentry.d_fsdata of an open debugfs file. */
struct debugfs_fsdata {
	const struct file_operations *real_fops;
};

struct kernfs_node {
	void *priv; /* sysfs directory: its kobject */
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#endif
