/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger's own functions, to be run one at a time by BPF_PROG_RUN.  Arguments:
 * struct call of the test.  What is held is memory of a map, laid out as this
 * kernel's mm_struct and kvm: its counters are set by the test.
 */
#include "lib/ledger_all.h"

#define OBJECT_SIZE 65536 /* struct kvm of 6.1 has 40504 bytes */

char fake_mm[OBJECT_SIZE];
char fake_kvm[OBJECT_SIZE];

static __always_inline struct vmleak_ledger_key key_of(const __u64 *ctx) {
  struct vmleak_ledger_key key = {{ctx[0], ctx[1]}, (__u32)ctx[2], 0};

  return key;
}

static __always_inline __u64 held_of(__u32 cls) {
  return class__held(cls) == HELD_KVM ? (__u64)fake_kvm : (__u64)fake_mm;
}

SEC("raw_tp/unit")
int unit__take(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  ledger__take(ctx, &key, held_of(key.cls));
  return 0;
}

SEC("raw_tp/unit")
int unit__take_more(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  ledger__take_more(ctx, &key, held_of(key.cls), (__u32)ctx[3]);
  return 0;
}

SEC("raw_tp/unit")
int unit__seed(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  return ledger__seed(&key, held_of(key.cls), 1);
}

SEC("raw_tp/unit")
int unit__begin_drop(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  ledger__begin_drop(&key);
  return 0;
}

SEC("raw_tp/unit")
int unit__end_drop(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  ledger__end_drop(ctx, &key);
  return 0;
}

SEC("raw_tp/unit")
int unit__drop(__u64 *ctx) {
  struct vmleak_ledger_key key = key_of(ctx);

  ledger__drop(ctx, &key);
  return 0;
}

SEC("raw_tp/unit")
int unit__begin_drop_all(__u64 *ctx) {
  ledger__begin_drop_all(ctx[0], (__u32)ctx[2]);
  return 0;
}

SEC("raw_tp/unit")
int unit__end_drop_all(__u64 *ctx) {
  ledger__end_drop_all(ctx, ctx[0], (__u32)ctx[2]);
  return 0;
}

SEC("raw_tp/unit")
int unit__count(__u64 *ctx) {
  int references = (int)ctx[3];
  __u32 offset;

  if (class__held((__u32)ctx[2]) == HELD_KVM) {
    offset = bpf_core_field_offset(struct kvm, users_count.refs.counter);
    if (offset < OBJECT_SIZE - sizeof(references)) *(int *)(fake_kvm + offset) = references;
  } else {
    offset = bpf_core_field_offset(struct mm_struct, mm_users.counter);
    if (offset < OBJECT_SIZE - sizeof(references)) *(int *)(fake_mm + offset) = references;
  }
  return 0;
}

/* What kvm_destroy_vm()'s hook does. */
SEC("raw_tp/unit")
int unit__destroy(__u64 *ctx) {
  __u64 address = (__u64)fake_kvm;

  bpf_map_delete_elem(&objects, &address);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
