/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* vhost devices: the address space a worker keeps, backend and kick files. */
#include "lib/file.h"

#define MAX_VIRTQUEUES 256

struct vq_walk {
	struct vhost_virtqueue **vqs;
	__u64 file; /* of the vhost device */
	bool is_net;
};

static long step_vq(__u32 index, struct vq_walk *walk)
{
	struct vhost_virtqueue *vq = NULL;
	struct socket *backend;
	struct file *file;

	bpf_probe_read_kernel(&vq, sizeof(vq), &walk->vqs[index]);
	if (!vq)
		return 0;
	file = BPF_CORE_READ(vq, kick);
	if (file)
		file__send_hold(file, VMLEAK_HOLD_VHOST_KICK, walk->file);
	eventfd__send_hold(BPF_CORE_READ(vq, call_ctx.ctx), walk->file, VMLEAK_EVENTFD_VHOST);
	eventfd__send_hold(BPF_CORE_READ(vq, error_ctx), walk->file, VMLEAK_EVENTFD_VHOST);
	backend = BPF_CORE_READ(vq, private_data);
	if (!walk->is_net || !backend)
		return 0;
	file = BPF_CORE_READ(backend, file);
	if (file)
		file__send_hold(file, VMLEAK_HOLD_VHOST_BACKEND, walk->file);
	return 0;
}

static __always_inline struct task_struct *vhost__worker(struct vhost_dev *dev)
{
	struct vhost_dev___v6_3 *older = (void *)dev;
	struct vhost_worker___kthread *kthread;
	struct vhost_virtqueue **vqs, *vq = NULL;
	struct vhost_worker *worker;
	struct task_struct *task = NULL;

	if (bpf_core_field_exists(vq->worker)) {
		vqs = BPF_CORE_READ(dev, vqs);
		bpf_probe_read_kernel(&vq, sizeof(vq), vqs);
		worker = BPF_CORE_READ(vq, worker);
		if (!worker)
			return NULL;
		kthread = (void *)worker;
		if (bpf_core_field_exists(kthread->kthread_task))
			task = BPF_CORE_READ(kthread, kthread_task);
		return task ? task : BPF_CORE_READ(worker, vtsk, task);
	}
	if (bpf_core_field_exists(older->worker))
		return BPF_CORE_READ(older, worker);
	return NULL;
}

/*
 * args->address: struct file of a vhost device; its private data begins with
 * the vhost_dev in each kind of them.  args->extra: enum vmleak_file_type.
 */
SEC("?syscall")
int run__vhost(struct vmleak_walk_args *args)
{
	struct file *file = (struct file *)args->address;
	struct vq_walk walk = {};
	struct vmleak_vhost_record record;
	struct task_struct *worker;
	struct vhost_dev *dev;
	int nvqs;

	if (!file)
		return 0;
	dev = BPF_CORE_READ(file, private_data);
	if (!dev)
		return 0;
	record__init(&record, VMLEAK_RECORD_VHOST);
	record.file = args->address;
	record.device = (__u64)dev;
	/* vhost-vdpa keeps the mm_struct, not the address space: no mm_users. */
	if (BPF_CORE_READ(dev, use_worker))
		record.mm = (__u64)BPF_CORE_READ(dev, mm);
	worker = vhost__worker(dev);
	if (worker) {
		record.worker_tid = BPF_CORE_READ(worker, pid);
		BPF_CORE_READ_STR_INTO(&record.worker_comm, worker, comm);
	}
	record__send(&record);
	eventfd__send_hold(BPF_CORE_READ(dev, log_ctx), args->address, VMLEAK_EVENTFD_VHOST);

	nvqs = BPF_CORE_READ(dev, nvqs);
	walk.vqs = BPF_CORE_READ(dev, vqs);
	walk.file = args->address;
	walk.is_net = args->extra == VMLEAK_FILE_VHOST_NET;
	if (walk.vqs && nvqs > 0)
		bpf_loop(nvqs < MAX_VIRTQUEUES ? nvqs : MAX_VIRTQUEUES, step_vq, &walk, 0);
	return 0;
}
