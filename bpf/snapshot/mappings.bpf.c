/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mappings, found from the file's side: the tree of all mappings of an
 * address_space.  It finds those of dead address spaces too, and takes no mmap
 * lock, which a stuck process may hold.
 */
#include "lib/file.h"
#include "lib/list.h"
#include "lib/rbtree.h"

#define MAX_MAPPINGS 131072

struct mapping_walk {
	__u64 mapping;
	__u64 node;
	__u64 checksum;
	__u32 visited;
	__u32 inconsistent;
};

static __always_inline struct vm_area_struct *vma_of(__u64 node)
{
	return (void *)node - bpf_core_field_offset(struct vm_area_struct, shared.rb);
}

static long step_vma(__u32 index, struct mapping_walk *walk)
{
	struct vmleak_mapping_record record;
	struct vm_area_struct *vma;
	struct file *file;
	__u32 type;

	if (!walk->node)
		return 1;
	vma = vma_of(walk->node);
	file = BPF_CORE_READ(vma, vm_file);
	if (!file || (__u64)BPF_CORE_READ(file, f_mapping) != walk->mapping) {
		walk->inconsistent++;
		return 1;
	}
	walk->visited++;
	walk->checksum = checksum_add(walk->checksum, walk->node);
	type = file__type_of_interest(file);
	if (type != VMLEAK_FILE_OTHER) {
		record__init(&record, VMLEAK_RECORD_MAPPING);
		record.mm = (__u64)BPF_CORE_READ(vma, vm_mm);
		record.vma = (__u64)vma;
		record.bytes = BPF_CORE_READ(vma, vm_end) - BPF_CORE_READ(vma, vm_start);
		record.offset = BPF_CORE_READ(vma, vm_pgoff) << 12;
		file__fill(&record.file, file, type);
		record__send(&record);
	}
	walk->node = rb__next(walk->node);
	return 0;
}

SEC("?syscall")
int run__mappings(struct vmleak_walk_args *args)
{
	struct address_space *mapping = (struct address_space *)args->address;
	struct mapping_walk walk = {.mapping = args->address};

	if (!mapping)
		return 0;
	walk.node = (__u64)BPF_CORE_READ(mapping, i_mmap.rb_leftmost);
	if (bpf_loop(MAX_MAPPINGS, step_vma, &walk, 0) == MAX_MAPPINGS)
		walk.inconsistent++;
	record__walk(VMLEAK_WALK_MAPPINGS, walk.visited, walk.inconsistent, walk.checksum);
	return 0;
}

/* args->extra: 1 when it may be gone, then what is there has no users. */
SEC("?syscall")
int run__mm(struct vmleak_walk_args *args)
{
	struct mm_struct *mm = (struct mm_struct *)args->address;
	struct vmleak_mm_record record;
	struct task_struct *owner = NULL;

	if (!mm)
		return 0;
	record__init(&record, VMLEAK_RECORD_MM);
	record.mm = (__u64)mm;
	if (!args->extra || list__is_head((void *)mm + bpf_core_field_offset(mm->mmlist)))
		record.mm_users = BPF_CORE_READ(mm, mm_users.counter);
	record.total_pages = BPF_CORE_READ(mm, total_vm);
	if (bpf_core_field_exists(mm->owner))
		owner = BPF_CORE_READ(mm, owner);
	if (owner) {
		record.owner_tgid = BPF_CORE_READ(owner, tgid);
		BPF_CORE_READ_STR_INTO(&record.owner_comm, owner, comm);
	}
	record__send(&record);
	return 0;
}
