// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "bpf/book_builder.h"
#include "bpf/kernel_records.h"

namespace vmleak {

// Makes the records that the programs would send about a small host.  Kernel
// addresses are any numbers that differ.
inline constexpr std::uint64_t kVm = 0xffff'0000'0001'0000;
inline constexpr std::uint64_t kVmMm = 0xffff'0000'0002'0000;
inline constexpr std::uint64_t kTable = 0xffff'0000'0003'0000;
inline constexpr std::uint64_t kVmFile = 0xffff'0000'0004'0000;
inline constexpr std::uint64_t kVcpuFile = 0xffff'0000'0004'1000;
inline constexpr std::uint32_t kQemu = 4711;
inline constexpr std::uint32_t kOtherProcess = 5000;

template <std::size_t N>
void set_text(char (&field)[N], std::string_view text) {
  const auto length = std::min(text.size(), N - 1);
  std::memcpy(field, text.data(), length);
  field[length] = '\0';
}

inline vmleak_kvm_record vm_record(std::int64_t users_count) {
  vmleak_kvm_record record{};
  record.kvm = kVm;
  record.mm = kVmMm;
  record.users_count = users_count;
  record.memory_pages = 16384;
  record.userspace_pid = static_cast<std::int32_t>(kQemu);
  record.online_vcpus = 1;
  set_text(record.stats_id, "kvm-4711");
  return record;
}

inline vmleak_mm_record mm_record(std::int64_t users) {
  vmleak_mm_record record{};
  record.mm = kVmMm;
  record.mm_users = users;
  record.total_pages = 32768;
  record.owner_tgid = static_cast<std::int32_t>(kQemu);
  set_text(record.owner_comm, "qemu-system-x86");
  return record;
}

inline vmleak_file file_of(std::uint64_t address, vmleak_file_type type, std::uint64_t object,
                           std::int64_t count = 1) {
  vmleak_file file{};
  file.file = address;
  file.file_type = type;
  file.object = object;
  file.f_count = count;
  set_text(file.name, "file");
  return file;
}

inline vmleak_fd_record fd_record(std::uint32_t tgid, std::uint32_t fd, const vmleak_file& file,
                                  std::uint64_t table = kTable) {
  vmleak_fd_record record{};
  record.file = file;
  record.table = table;
  record.tgid = tgid;
  record.tid = tgid;
  record.fd = fd;
  record.table_users = 1;
  return record;
}

inline vmleak_file_hold_record hold_record(const vmleak_file& file, vmleak_hold hold,
                                           std::uint64_t holder, std::uint32_t tgid = 0) {
  vmleak_file_hold_record record{};
  record.file = file;
  record.hold = hold;
  record.holder = holder;
  record.tgid = tgid;
  return record;
}

inline TaskRecord task_record(std::uint32_t tgid, std::uint32_t tid) {
  TaskRecord record;
  record.task.task = 0xffff'0000'0100'0000 + tid;
  record.task.mm = kVmMm;
  record.task.table = kTable;
  record.task.tgid = tgid;
  record.task.tid = tid;
  record.task.state = 1;  // sleeping
  record.task.syscall = -1;
  record.task.start_ns = 1000;
  set_text(record.task.comm, "qemu-system-x86");
  return record;
}

inline BookOptions book_options() {
  BookOptions options;
  options.key = {1, 2};
  options.vendor_module = "kvm_amd";
  return options;
}

}  // namespace vmleak
