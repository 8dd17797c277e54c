// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "bpf/record_stream.h"
#include "bpf_records.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;

template <class Record>
std::string bytes_of(Record record, vmleak_record_type type, std::size_t size = sizeof(Record)) {
  record.header.type = type;
  record.header.size = static_cast<__u32>(size);
  return {reinterpret_cast<const char*>(&record), sizeof(record)};
}

Result<std::size_t> add(const std::string& bytes, KernelRecords& out) {
  return add_records(bytes.data(), bytes.size(), out);
}

TEST(RecordStream, ReadsRecordsOfEveryKindInOneStream) {
  KernelRecords records;
  const auto bytes = bytes_of(vm_record(3), VMLEAK_RECORD_KVM) +
                     bytes_of(mm_record(2), VMLEAK_RECORD_MM) +
                     bytes_of(vm_record(4), VMLEAK_RECORD_KVM);
  const auto used = add(bytes, records);
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, bytes.size());
  ASSERT_EQ(records.kvms.size(), 2);
  EXPECT_EQ(records.kvms[0].users_count, 3);
  EXPECT_EQ(records.kvms[1].users_count, 4);
  ASSERT_EQ(records.mms.size(), 1);
  EXPECT_EQ(records.mms[0].mm_users, 2);
}

TEST(RecordStream, ReadsTheFileOfAFileRecord) {
  KernelRecords records;
  vmleak_file_record record{};
  record.file = file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm, 5);
  ASSERT_TRUE(add(bytes_of(record, VMLEAK_RECORD_FILE), records));
  ASSERT_EQ(records.files.size(), 1);
  EXPECT_EQ(records.files[0].f_count, 5);
}

// A read() may end anywhere: what is cut off is left for the next one.
TEST(RecordStream, LeavesARecordThatIsCutOff) {
  const auto whole = bytes_of(vm_record(3), VMLEAK_RECORD_KVM);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    KernelRecords records;
    const auto used = add_records(whole.data(), size, records);
    ASSERT_TRUE(used) << size;
    EXPECT_EQ(*used, 0) << size;
    EXPECT_TRUE(records.kvms.empty()) << size;
  }
  KernelRecords records;
  const auto used = add(whole + whole.substr(0, 20), records);
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, whole.size());
  EXPECT_EQ(records.kvms.size(), 1);
}

TEST(RecordStream, RefusesARecordWithoutASize) {
  for (const std::size_t size : {0, 1, 7}) {
    KernelRecords records;
    const auto used = add(bytes_of(vm_record(1), VMLEAK_RECORD_KVM, size), records);
    ASSERT_FALSE(used) << size;
    EXPECT_THAT(used.error().message, HasSubstr("without a size"));
  }
}

TEST(RecordStream, RefusesUnknownTypes) {
  for (const auto type : {0, VMLEAK_RECORD_WALK + 1, 255, -1}) {
    KernelRecords records;
    const auto used = add(bytes_of(vm_record(1), static_cast<vmleak_record_type>(type)), records);
    ASSERT_FALSE(used) << type;
    EXPECT_THAT(used.error().message, HasSubstr("is unknown"));
  }
}

TEST(RecordStream, RefusesARecordOfAnotherSizeThanItsType) {
  auto larger = bytes_of(vm_record(1), VMLEAK_RECORD_KVM, sizeof(vmleak_kvm_record) + 8);
  larger.append(8, '\0');
  KernelRecords records;
  EXPECT_FALSE(add(larger, records));
  EXPECT_FALSE(
      add(bytes_of(vm_record(1), VMLEAK_RECORD_KVM, sizeof(vmleak_kvm_record) - 8), records));
  EXPECT_TRUE(records.kvms.empty());
}

// Tasks come without the unused end of their stack.
std::string task_bytes(std::size_t frames, std::size_t extra = 0) {
  vmleak_task_record task = task_record(kQemu, kQemu).task;
  for (std::size_t i = 0; i < VMLEAK_STACK_DEPTH; ++i) task.stack[i] = 100 + i;
  const auto size = offsetof(vmleak_task_record, stack) + frames * sizeof(task.stack[0]) + extra;
  auto bytes = bytes_of(task, VMLEAK_RECORD_TASK, size);
  bytes.resize(size);
  return bytes;
}

TEST(RecordStream, ReadsAsMuchOfAStackAsWasSent) {
  for (const std::size_t frames : {0, 1, VMLEAK_STACK_DEPTH}) {
    KernelRecords records;
    ASSERT_TRUE(add(task_bytes(frames), records)) << frames;
    ASSERT_EQ(records.tasks.size(), 1) << frames;
    EXPECT_EQ(records.tasks[0].task.tgid, kQemu);
    ASSERT_EQ(records.tasks[0].stack.size(), frames);
    if (frames != 0) {
      EXPECT_EQ(records.tasks[0].stack.back(), 100 + frames - 1);
    }
  }
}

TEST(RecordStream, RefusesATaskThatIsTooShortOrTooLong) {
  KernelRecords records;
  EXPECT_FALSE(add(task_bytes(VMLEAK_STACK_DEPTH, 8), records));
  auto short_task = task_bytes(0);
  short_task.resize(short_task.size() - 8);
  vmleak_header header{};
  std::memcpy(&header, short_task.data(), sizeof(header));
  header.size -= 8;
  std::memcpy(short_task.data(), &header, sizeof(header));
  EXPECT_FALSE(add(short_task, records));
  EXPECT_TRUE(records.tasks.empty());
}

TEST(RecordStream, KeepsWhatCameBeforeGarbage) {
  KernelRecords records;
  const auto used =
      add(bytes_of(vm_record(3), VMLEAK_RECORD_KVM) + std::string(64, '\xff'), records);
  // A size of 4 GiB is a record that never ends; the stream ends first.
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, sizeof(vmleak_kvm_record));
  EXPECT_EQ(records.kvms.size(), 1);
}

}  // namespace
}  // namespace vmleak
