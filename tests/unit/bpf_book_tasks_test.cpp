// SPDX-License-Identifier: Apache-2.0
//
// Books of tasks: processes, who is closing, who is in a system call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "book_queries.h"
#include "bpf/book_builder.h"
#include "bpf_records.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kExiting = 0x4;            // PF_EXITING
constexpr std::uint32_t kKernelThread = 0x200000;  // PF_KTHREAD
constexpr std::int64_t kIoctl = 16;
constexpr std::int64_t kPoll = 7;

KernelRecords two_threads() {
  KernelRecords records;
  records.kvms = {vm_record(1)};
  records.mms = {mm_record(2)};
  auto fd = fd_record(kQemu, 9, file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm, 1));
  fd.table_users = 2;
  records.fds = {fd};
  records.tasks = {task_record(kQemu, kQemu), task_record(kQemu, kQemu + 1)};
  return records;
}

const ProcessFacts& process_facts(const Book& book, std::uint32_t pid) {
  static const ProcessFacts kNone;
  const auto* node = find_node(book, make_node_id(NodeKind::kProcess, std::to_string(pid)));
  EXPECT_NE(node, nullptr);
  return node == nullptr ? kNone : std::get<ProcessFacts>(node->facts);
}

TEST(BookOfTasks, CountsThreadsAndTheirUseOfTheAddressSpace) {
  const auto book = build_book(two_threads(), book_options());
  const auto& facts = process_facts(book, kQemu);
  EXPECT_EQ(facts.threads, 2);
  EXPECT_EQ(facts.comm, "qemu-system-x86");
  EXPECT_EQ(facts.state, "S");
  EXPECT_FALSE(facts.exiting);
  const auto users = references_on(book, only_node(book, NodeKind::kMm).id);
  ASSERT_EQ(users.size(), 1);
  EXPECT_EQ(users[0].count, 2);
  EXPECT_THAT(unbalanced(book), IsEmpty());
}

TEST(BookOfTasks, AThreadStuckInTheKernelSaysMostAboutItsProcess) {
  auto records = two_threads();
  records.tasks[1].task.state = 2;
  EXPECT_EQ(process_facts(build_book(records, book_options()), kQemu).state, "D");
}

TEST(BookOfTasks, AProcessExitsWhenAllItsLiveThreadsDo) {
  auto records = two_threads();
  records.tasks[0].task.flags = kExiting;
  EXPECT_FALSE(process_facts(build_book(records, book_options()), kQemu).exiting);
  records.tasks[1].task.flags = kExiting;
  EXPECT_TRUE(process_facts(build_book(records, book_options()), kQemu).exiting);
}

TEST(BookOfTasks, AZombieLeaderWithALiveThreadIsNoDeadProcess) {
  auto records = two_threads();
  records.tasks[0].task.exit_state = 0x20;
  records.tasks[0].task.flags = kExiting;
  records.tasks[0].task.mm = 0;
  const auto book = build_book(records, book_options());
  EXPECT_EQ(process_facts(book, kQemu).threads, 1);
  EXPECT_FALSE(process_facts(book, kQemu).exiting);
  EXPECT_EQ(process_facts(book, kQemu).state, "S");
}

TEST(BookOfTasks, KernelThreadsAreOfTheirOwnKind) {
  KernelRecords records;
  auto worker = task_record(60, 60);
  worker.task.flags = kKernelThread;
  worker.task.mm = 0;
  records.tasks = {worker};
  const auto book = build_book(records, book_options());
  EXPECT_EQ(only_node(book, NodeKind::kKernelThread).id, "kernel_thread:60");
}

TEST(BookOfTasks, NobodyClosesOnAQuietHost) {
  EXPECT_THAT(build_book(two_threads(), book_options()).closing_tasks, IsEmpty());
}

struct ClosingCase {
  const char* name;
  std::uint32_t flags;
  vmleak_closing closing;
  std::uint32_t dumps_core;
  ClosingReason reason;
};

class ClosingTasks : public ::testing::TestWithParam<ClosingCase> {};

TEST_P(ClosingTasks, AreSeenWithTheirReason) {
  auto records = two_threads();
  auto& task = records.tasks[1].task;
  task.flags = GetParam().flags;
  task.closing = GetParam().closing;
  task.dumps_core = GetParam().dumps_core;
  task.state = 2;
  records.tasks[1].stack = {1, 2};
  auto options = book_options();
  options.describe_function = [](std::uint64_t address) {
    return "function_" + std::to_string(address);
  };
  const auto book = build_book(records, options);
  ASSERT_EQ(book.closing_tasks.size(), 1);
  const auto& closing = book.closing_tasks[0];
  EXPECT_EQ(closing.reason, GetParam().reason);
  EXPECT_EQ(closing.tid, kQemu + 1);
  EXPECT_EQ(closing.pid, kQemu);
  EXPECT_EQ(closing.state, "D");
  EXPECT_THAT(closing.stack, ElementsAre("function_1", "function_2"));
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, ClosingTasks,
    ::testing::Values(
        ClosingCase{"exiting", kExiting, VMLEAK_CLOSING_NONE, 0, ClosingReason::kExiting},
        ClosingCase{"core_dump", 0, VMLEAK_CLOSING_NONE, 1, ClosingReason::kCoreDump},
        ClosingCase{"task_work", 0, VMLEAK_CLOSING_TASK_WORK, 0, ClosingReason::kTaskWork},
        ClosingCase{"exit_mmap", kExiting, VMLEAK_CLOSING_EXIT_MMAP, 0, ClosingReason::kExitMmap},
        ClosingCase{"destroy_vm", 0, VMLEAK_CLOSING_DESTROY_VM, 0, ClosingReason::kDestroyVm}),
    [](const auto& test) { return test.param.name; });

// A zombie has closed everything it had.
TEST(BookOfTasks, AZombieIsNotClosing) {
  auto records = two_threads();
  records.tasks[1].task.flags = kExiting;
  records.tasks[1].task.exit_state = 0x20;
  EXPECT_THAT(build_book(records, book_options()).closing_tasks, IsEmpty());
}

TEST(BookOfTasks, TheWalkerItselfIsNotClosing) {
  auto records = two_threads();
  records.own_tgid = kOtherProcess;
  auto own = task_record(kOtherProcess, kOtherProcess);
  own.task.flags = kExiting;
  records.tasks.push_back(own);
  EXPECT_THAT(build_book(records, book_options()).closing_tasks, IsEmpty());
}

TEST(BookOfTasks, ATaskInASystemCallMayHoldTheFileOfItsDescriptor) {
  auto records = two_threads();
  records.tasks[1].task.syscall = kIoctl;
  records.tasks[1].task.syscall_arg0 = 9;
  const auto book = build_book(records, book_options());
  const auto& file = node_of_type(book, "kvm/vm-file");
  std::vector<Reference> uncertain;
  for (const auto& reference : references_on(book, file.id)) {
    if (!reference.certain) uncertain.push_back(reference);
  }
  ASSERT_EQ(uncertain.size(), 1);
  EXPECT_EQ(uncertain[0].cls, "file/in-syscall");
  EXPECT_EQ(uncertain[0].holder, "process:4711");
  EXPECT_EQ(file.counters[0].bound, 0);
}

TEST(BookOfTasks, ATaskInPollMayHoldAnyFileOfItsTable) {
  auto records = two_threads();
  records.tasks[1].task.syscall = kPoll;
  const auto book = build_book(records, book_options());
  const auto& file = node_of_type(book, "kvm/vm-file");
  EXPECT_THAT(classes_on(book, file.id), ElementsAre("file/fd"));
  EXPECT_EQ(file.counters[0].bound, 1);
}

// fdget() takes no reference when nobody else could close the descriptor.
TEST(BookOfTasks, ATaskWithATableOfItsOwnHoldsNothingMore) {
  auto records = two_threads();
  records.fds[0].table_users = 1;
  for (const auto call : {kIoctl, kPoll}) {
    records.tasks[1].task.syscall = call;
    records.tasks[1].task.syscall_arg0 = 9;
    const auto book = build_book(records, book_options());
    const auto& file = node_of_type(book, "kvm/vm-file");
    EXPECT_THAT(classes_on(book, file.id), ElementsAre("file/fd"));
    EXPECT_EQ(file.counters[0].bound, 0);
  }
}

TEST(BookOfTasks, OtherSystemCallsAndDescriptorsDoNotCount) {
  auto records = two_threads();
  auto& task = records.tasks[1].task;
  task.syscall_arg0 = 8;  // another descriptor
  task.syscall = kIoctl;
  EXPECT_THAT(classes_on(build_book(records, book_options()),
                         node_of_type(build_book(records, book_options()), "kvm/vm-file").id),
              ElementsAre("file/fd"));
  task.syscall_arg0 = 9;
  task.syscall = 35;  // nanosleep
  EXPECT_THAT(classes_on(build_book(records, book_options()),
                         node_of_type(build_book(records, book_options()), "kvm/vm-file").id),
              ElementsAre("file/fd"));
}

}  // namespace
}  // namespace vmleak
