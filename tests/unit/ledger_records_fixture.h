// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "attach/ledger_families.h"
#include "bpf_records.h"

namespace vmleak {

// Makes what the maps of a ledger would have in them.
inline constexpr std::uint64_t kArmedNs = 5'000'000'000;
inline constexpr std::uint64_t kTakenNs = 9'000'000'000;
inline constexpr std::int64_t kBootNs = 1'700'000'000'000'000'000;  // CLOCK_REALTIME at boot
inline constexpr std::uint64_t kGeneration = 7;

using LedgerRow = std::pair<vmleak_ledger_key, vmleak_ledger_entry>;

inline vmleak_ledger_task ledger_task(std::uint64_t time_ns) {
  vmleak_ledger_task task{};
  task.time_ns = time_ns;
  task.tgid = kQemu;
  task.tid = kQemu + 1;
  set_text(task.comm, "qemu-system-x86");
  return task;
}

template <std::size_t N>
void set_stack(__u64 (&stack)[N], __u32& depth, std::initializer_list<std::uint64_t> frames) {
  std::copy(frames.begin(), frames.end(), std::begin(stack));
  depth = static_cast<__u32>(frames.size());
}

inline LedgerRow ledger_row(vmleak_ledger_class cls, std::uint64_t token, std::uint64_t held,
                            std::uint64_t second_token = 0) {
  LedgerRow row{};
  row.first.cls = cls;
  row.first.token[0] = token;
  row.first.token[1] = second_token;
  row.second.held = held;
  row.second.references = 1;
  row.second.taken = ledger_task(kTakenNs);
  return row;
}

inline LedgerRow in_state(LedgerRow row, vmleak_ledger_state state) {
  row.second.state = state;
  if (state == VMLEAK_ENTRY_PREEXISTING) row.second.taken = {};
  if (state == VMLEAK_ENTRY_FORGOTTEN) row.second.dropped = ledger_task(kTakenNs + 1);
  return row;
}

inline LedgerRow of_generation(LedgerRow row, std::uint64_t generation) {
  row.second.generation = generation;
  return row;
}

inline LedgerRecords ledger_of(std::vector<LedgerRow> entries) {
  LedgerRecords records;
  records.meta.version = VMLEAK_LEDGER_VERSION;
  records.meta.capacity = 8;
  records.meta.armed_ns = kArmedNs;
  records.entries = std::move(entries);
  vmleak_ledger_object object{};
  object.generation = kGeneration;
  records.objects = {{kVm, object}};
  return records;
}

inline std::string describe_in_tests(std::uint64_t address) {
  static const std::map<std::uint64_t, std::string> kNames = {
      {0x10, "bpf_prog_6deef7357e7b4530_fexit__anon_inode_getfile [bpf]"},
      {0x11, "bpf_trampoline_6442536851 [bpf]"},
      {0x12, "__anon_inode_getfile"},
      {0x13, "anon_inode_getfile"},
      {0x14, "kvm_vm_ioctl [kvm]"},
      {0x15, "__x64_sys_ioctl"},
      {0x16, "vhost_dev_set_owner [vhost]"},
      {0x17, "take_kvm [vmleak_test_leak]"},
      {0x18, "put_kvm [vmleak_test_leak]"},
      {0x19, "vfio_unregister_group_dev [vfio]"},
  };
  const auto found = kNames.find(address);
  return found == kNames.end() ? fmt::format("{:#x}", address) : found->second;
}

inline std::span<const LedgerFamily> families_in_tests() {
  static constexpr std::array<std::string_view, 2> kKvmFiles = {"kvm/vm-file", "kvm/vcpu-file"};
  static constexpr std::array<std::string_view, 1> kVhost = {"mm/vhost"};
  static constexpr std::array<LedgerFamily, 2> kFamilies = {{
      {"ledger/kvm-files", "kvm_vm_release", {}, kKvmFiles, "origins of KVM's files"},
      {"ledger/vhost-mm", "vhost_detach_mm", {}, kVhost, "who made vhost keep an address space"},
  }};
  return kFamilies;
}

inline BookOptions ledger_options() {
  auto options = book_options();
  options.boot_to_real_ns = kBootNs;
  options.describe_function = describe_in_tests;
  options.ledger_families = families_in_tests();
  return options;
}

}  // namespace vmleak
