/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gets and puts of a VM by functions outside of KVM and VFIO.  They have no
 * token, so they are added up by caller and stack.
 */
#include "lib/ledger.h"
#include <bpf/bpf_tracing.h>

#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL
/* Of BPF and the trampoline, the function itself, and its caller. */
#define OWN_FRAMES 8
#define CALL_LENGTH 5 /* e8 and a signed 32-bit distance */
#define CALL_OPCODE 0xe8

enum outside_function {
	OUTSIDE_GET,
	OUTSIDE_GET_SAFE,
	OUTSIDE_PUT,
};

static __always_inline bool is_in(const volatile struct vmleak_text_range *range, __u64 address)
{
	return address >= range->start && address < range->end;
}

static __always_inline bool is_known(__u64 address)
{
	for (__u32 i = 0; i < KNOWN_TEXTS && i < known_text_count; i++) {
		if (is_in(&known_text[i], address))
			return true;
	}
	return false;
}

/* Whether the call before a return address goes to the function; a jump leaves none. */
static __always_inline bool is_call_to(__u64 return_address, __u64 function)
{
	struct {
		__u8 opcode;
		__s32 distance;
	} __attribute__((packed)) call = {};

	if (bpf_probe_read_kernel(&call, sizeof(call), (void *)(return_address - CALL_LENGTH)))
		return false;
	return call.opcode == CALL_OPCODE && return_address + (__s64)call.distance == function;
}

static const struct vmleak_ledger_sum empty_sum;

static __always_inline __u64 stack_hash(const __u64 *frames, __u32 first, __u32 depth)
{
	__u64 hash = FNV_OFFSET;

	for (__u32 i = 0; i < VMLEAK_LEDGER_STACK_DEPTH; i++) {
		if (i >= first && i < depth)
			hash = (hash ^ frames[i]) * FNV_PRIME;
	}
	return hash;
}

static __always_inline void add_up(void *ctx, const struct vmleak_ledger_sum_key *key)
{
	struct vmleak_ledger_sum *sum = bpf_map_lookup_elem(&sums, key);
	long size;

	if (!sum) {
		bpf_map_update_elem(&sums, key, &empty_sum, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&sums, key);
		if (!sum) {
			count_one(VMLEAK_COUNT_SUMS_LOST);
			return;
		}
		size = bpf_get_stack(ctx, sum->stack, sizeof(sum->stack), 0);
		sum->stack_depth = size > 0 ? (__u64)size / 8 : 0;
	}
	__sync_fetch_and_add(&sum->count, 1);
	task__now(&sum->last);
}

static __always_inline int outside(void *ctx, __u32 which, struct kvm *kvm)
{
	__u64 frames[VMLEAK_LEDGER_STACK_DEPTH] = {};
	struct vmleak_ledger_sum_key key = {};
	struct vmleak_ledger_key about = {{(__u64)kvm, 0}, VMLEAK_LEDGER_NONE, 0};
	/* Most callers are KVM's own: to see that, a few frames are enough. */
	long size = bpf_get_stack(ctx, frames, OWN_FRAMES * sizeof(*frames), 0);
	__u32 depth = size > 0 ? (__u64)size / 8 : 0, first = 0;

	for (__u32 i = 0; i < OWN_FRAMES - 1; i++) {
		if (i + 1 < depth && is_in(&outside_functions[which], frames[i])) {
			first = i + 1;
			key.caller = frames[i + 1];
		}
	}
	if (!first) {
		count_one(VMLEAK_COUNT_UNREADABLE);
		return 0;
	}
	if (is_known(key.caller))
		return 0;
	size = bpf_get_stack(ctx, frames, sizeof(frames), 0);
	depth = size > 0 ? (__u64)size / 8 : 0;
	key.object = (__u64)kvm;
	key.generation = kvm__generation(key.object);
	key.at_or_below = !is_call_to(key.caller, outside_functions[which].start);
	key.is_put = which == OUTSIDE_PUT;
	key.stack_hash = stack_hash(frames, first, depth);
	add_up(ctx, &key);
	event__send(ctx, key.is_put ? VMLEAK_EVENT_PUT : VMLEAK_EVENT_GET, &about, key.object,
		    BPF_CORE_READ(kvm, users_count.refs.counter));
	return 0;
}

/* Fails for a VM that is being destroyed. */
static __always_inline int outside_safe(void *ctx, struct kvm *kvm)
{
	if (!BPF_CORE_READ(kvm, users_count.refs.counter))
		return 0;
	return outside(ctx, OUTSIDE_GET_SAFE, kvm);
}

SEC("?fentry/kvm_get_kvm")
int BPF_PROG(fentry__kvm_get_kvm, struct kvm *kvm)
{
	return outside(ctx, OUTSIDE_GET, kvm);
}

SEC("?kprobe/kvm_get_kvm")
int BPF_KPROBE(kprobe__kvm_get_kvm, struct kvm *kvm)
{
	return outside(ctx, OUTSIDE_GET, kvm);
}

SEC("?fentry/kvm_get_kvm_safe")
int BPF_PROG(fentry__kvm_get_kvm_safe, struct kvm *kvm)
{
	return outside_safe(ctx, kvm);
}

SEC("?kprobe/kvm_get_kvm_safe")
int BPF_KPROBE(kprobe__kvm_get_kvm_safe, struct kvm *kvm)
{
	return outside_safe(ctx, kvm);
}

SEC("?fentry/kvm_put_kvm")
int BPF_PROG(fentry__kvm_put_kvm, struct kvm *kvm)
{
	return outside(ctx, OUTSIDE_PUT, kvm);
}

SEC("?kprobe/kvm_put_kvm")
int BPF_KPROBE(kprobe__kvm_put_kvm, struct kvm *kvm)
{
	return outside(ctx, OUTSIDE_PUT, kvm);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
