// SPDX-License-Identifier: Apache-2.0
//
// Books of virtual machines and of the files that keep them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "book_queries.h"
#include "bpf/book_builder.h"
#include "bpf_records.h"

namespace vmleak {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::UnorderedElementsAre;

// A VM with one vCPU: the descriptors and a mapping of the vCPU.
KernelRecords running_vm() {
  KernelRecords records;
  records.kvms = {vm_record(2)};
  records.mms = {mm_record(1)};
  records.fds = {fd_record(kQemu, 9, file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm)),
                 fd_record(kQemu, 10, file_of(kVcpuFile, VMLEAK_FILE_KVM_VCPU, kVm, 2))};
  vmleak_mapping_record mapping{};
  mapping.file = file_of(kVcpuFile, VMLEAK_FILE_KVM_VCPU, kVm, 2);
  mapping.mm = kVmMm;
  mapping.bytes = 12288;
  records.mappings = {mapping};
  records.tasks = {task_record(kQemu, kQemu)};
  return records;
}

TEST(BookOfKvm, HasTheVmWithWhatTheKernelKnowsOfIt) {
  auto records = running_vm();
  records.debugfs_names = {{kVm, "4711-9"}};
  const auto book = build_book(records, book_options());
  const auto& vm = only_node(book, NodeKind::kKvm);
  EXPECT_EQ(vm.name, "4711-9");
  EXPECT_THAT(vm.counters,
              ElementsAre(AllOf(Field(&Counter::name, "users_count"), Field(&Counter::value, 2))));
  const auto& facts = std::get<KvmFacts>(vm.facts);
  EXPECT_EQ(facts.creator_pid, kQemu);
  EXPECT_EQ(facts.vcpus, 1);
  EXPECT_EQ(facts.memory_bytes, 16384U * 4096);
  EXPECT_EQ(facts.stats_id, "kvm-4711");
  EXPECT_EQ(facts.mm, only_node(book, NodeKind::kMm).id);
  EXPECT_FALSE(facts.dying);
}

TEST(BookOfKvm, ExplainsEveryCountOfARunningVm) {
  const auto book = build_book(running_vm(), book_options());
  const auto& vm = only_node(book, NodeKind::kKvm);
  EXPECT_THAT(classes_on(book, vm.id), UnorderedElementsAre("kvm/vm-file", "kvm/vcpu-file"));
  const auto vcpu_file = node_of_type(book, "kvm/vcpu-file").id;
  EXPECT_THAT(classes_on(book, vcpu_file), UnorderedElementsAre("file/fd", "file/mapping"));
  EXPECT_THAT(classes_on(book, only_node(book, NodeKind::kMm).id), ElementsAre("mm/task"));
  EXPECT_THAT(unbalanced(book), ElementsAre());
}

TEST(BookOfKvm, AVmWithoutReferencesIsDying) {
  KernelRecords records;
  records.kvms = {vm_record(0)};
  const auto book = build_book(records, book_options());
  EXPECT_TRUE(std::get<KvmFacts>(only_node(book, NodeKind::kKvm).facts).dying);
}

TEST(BookOfKvm, ALaterVmAtTheSameAddressIsAnotherInstance) {
  KernelRecords records;
  records.kvms = {vm_record(1)};
  const auto first = build_book(records, book_options());
  set_text(records.kvms[0].stats_id, "kvm-4800");
  const auto second = build_book(records, book_options());
  EXPECT_NE(only_node(first, NodeKind::kKvm).instance, only_node(second, NodeKind::kKvm).instance);
}

TEST(BookOfKvm, AddressesAreKeptOnlyWhenAskedFor) {
  auto options = book_options();
  const auto without = build_book(running_vm(), options);
  for (const auto& node : without.nodes) EXPECT_EQ(node.address, 0U) << node.id;
  options.addresses = true;
  const auto with = build_book(running_vm(), options);
  EXPECT_EQ(only_node(with, NodeKind::kKvm).address, kVm);
}

TEST(BookOfKvm, AMirrorHoldsItsSource) {
  auto records = running_vm();
  auto mirror = vm_record(1);
  mirror.kvm = kVm + 0x1000;
  mirror.sev_source = kVm;
  records.kvms.push_back(mirror);
  const auto book = build_book(records, book_options());
  EXPECT_THAT(classes(book), ::testing::Contains("kvm/sev-mirror"));
}

// Until Linux 6.7 a VM keeps the vendor's module, later its files do.
TEST(BookOfKvm, AVmKeepsTheVendorModuleWhereItsFilesDoNot) {
  auto records = running_vm();
  EXPECT_THAT(classes(build_book(records, book_options())),
              ::testing::Not(::testing::Contains("module/vm")));
  records.kvms[0].holds_module = 1;
  EXPECT_THAT(classes(build_book(records, book_options())), ::testing::Contains("module/vm"));
}

TEST(BookOfKvm, FilesKeepTheModuleOfTheirOperations) {
  auto records = running_vm();
  set_text(records.fds[0].file.module, "kvm_amd");
  const auto book = build_book(records, book_options());
  EXPECT_THAT(classes_on(book, make_node_id(NodeKind::kModule, "kvm_amd")),
              ElementsAre("module/file"));
}

// Whether it does depends on the kernel, and on what else is attached.
TEST(BookOfKvm, AProgramOnAFunctionOfAModuleMayKeepTheModule) {
  KernelRecords records;
  records.module_programs = {{"kvm", "trace_ioctl", 33}};
  const auto book = build_book(records, book_options());
  const auto users = references_on(book, make_node_id(NodeKind::kModule, "kvm"));
  ASSERT_EQ(users.size(), 1);
  EXPECT_EQ(users[0].cls, "module/program");
  EXPECT_EQ(users[0].counter, "refcount");
  EXPECT_FALSE(users[0].certain);
  EXPECT_THAT(users[0].holder, ::testing::HasSubstr("trace_ioctl"));
}

// With a zombie leader, iter/task_file reports a shared table once per thread.
TEST(BookOfKvm, CountsADescriptorOfASharedTableOnce) {
  auto records = running_vm();
  for (const std::uint32_t tid : {kQemu + 1, kQemu + 2}) {
    auto again = records.fds[0];
    again.tid = tid;
    records.fds.push_back(again);
  }
  const auto book = build_book(records, book_options());
  EXPECT_THAT(classes_on(book, node_of_type(book, "kvm/vm-file").id), ElementsAre("file/fd"));
}

TEST(BookOfKvm, CountsEachTableAndEachDescriptorOfADuplicate) {
  auto records = running_vm();
  const auto file = records.fds[0].file;
  records.fds.push_back(fd_record(kQemu, 20, file));                         // dup
  records.fds.push_back(fd_record(kOtherProcess, 9, file, kTable + 0x100));  // fork
  const auto book = build_book(records, book_options());
  EXPECT_EQ(classes_on(book, node_of_type(book, "kvm/vm-file").id).size(), 3);
}

TEST(BookOfKvm, LeavesOutTheProcessThatWalks) {
  auto records = running_vm();
  records.own_tgid = kOtherProcess;
  records.fds.push_back(fd_record(kOtherProcess, 3, records.fds[0].file, kTable + 0x100));
  records.tasks.push_back(task_record(kOtherProcess, kOtherProcess));
  const auto book = build_book(records, book_options());
  EXPECT_EQ(find_node(book, make_node_id(NodeKind::kProcess, "5000")), nullptr);
  EXPECT_THAT(unbalanced(book), ElementsAre());
}

TEST(BookOfKvm, ADescriptorInFlightIsHeldByTheSocketItWaitsIn) {
  constexpr std::uint64_t kSocketFile = 0xffff'0000'0005'0000;
  auto records = running_vm();
  const auto socket = file_of(kSocketFile, VMLEAK_FILE_SOCKET, 0);
  records.fds = {fd_record(kOtherProcess, 5, socket, kTable + 0x100)};
  records.mappings.clear();
  records.holds = {
      hold_record(file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm), VMLEAK_HOLD_IN_FLIGHT, kSocketFile)};
  const auto book = build_book(records, book_options());
  const auto held = node_of_type(book, "kvm/vm-file").id;
  ASSERT_THAT(classes_on(book, held), ElementsAre("file/in-flight"));
  const auto socket_id = references_on(book, held)[0].holder;
  EXPECT_EQ(references_on(book, socket_id)[0].holder, make_node_id(NodeKind::kProcess, "5000"));
}

TEST(BookOfKvm, ARegisteredFileIsHeldByItsRing) {
  constexpr std::uint64_t kRing = 0xffff'0000'0006'0000;
  constexpr std::uint64_t kRingFile = 0xffff'0000'0006'1000;
  auto records = running_vm();
  auto ring = file_of(kRingFile, VMLEAK_FILE_IO_URING, kRing);
  ring.detail = 8;
  records.fds = {fd_record(kOtherProcess, 6, ring, kTable + 0x100)};
  records.holds = {
      hold_record(file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm), VMLEAK_HOLD_IO_URING_FIXED, kRing)};
  const auto book = build_book(records, book_options());
  EXPECT_EQ(std::get<IoUringFacts>(only_node(book, NodeKind::kIoUring).facts).fixed_files, 8);
  const auto held = node_of_type(book, "kvm/vm-file").id;
  ASSERT_THAT(classes_on(book, held), ElementsAre("file/io-uring-fixed"));
  EXPECT_EQ(references_on(book, held)[0].holder, only_node(book, NodeKind::kIoUring).id);
}

// A ring whose descriptor is closed lives by a mapping; the task that submits
// to it is the holder.
TEST(BookOfKvm, ARingWithoutAFileIsHeldByItsSubmitter) {
  constexpr std::uint64_t kRing = 0xffff'0000'0006'0000;
  auto records = running_vm();
  records.holds = {
      hold_record(file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm), VMLEAK_HOLD_IO_URING_FIXED, kRing),
      hold_record({}, VMLEAK_HOLD_IO_URING_SUBMITTER, kRing, kOtherProcess)};
  const auto book = build_book(records, book_options());
  EXPECT_THAT(classes_on(book, only_node(book, NodeKind::kIoUring).id),
              ElementsAre("io-uring/submitter"));
}

TEST(BookOfKvm, WhatWaitsToBePutIsSeenButNotCounted) {
  auto records = running_vm();
  records.holds = {hold_record(file_of(kVmFile + 0x500, VMLEAK_FILE_KVM_VM, kVm, 0),
                               VMLEAK_HOLD_PENDING_FPUT, 0, kQemu)};
  const auto book = build_book(records, book_options());
  bool seen = false;
  for (const auto& reference : book.references) {
    if (reference.cls != "file/pending-fput") continue;
    seen = true;
    EXPECT_EQ(reference.counter, "");
    EXPECT_EQ(reference.holder, make_node_id(NodeKind::kProcess, "4711"));
  }
  EXPECT_TRUE(seen);
}

TEST(BookOfKvm, PassesLossesAndFiguresOn) {
  KernelRecords records;
  records.losses = {{"mappings kept changing", 2, {NodeKind::kOpenFile}}};
  records.files_walked = 77;
  records.mappings_walked = 5;
  const auto book = build_book(records, book_options());
  ASSERT_EQ(book.losses.size(), 1);
  EXPECT_EQ(book.losses[0].count, 2);
  EXPECT_EQ(book.files_walked, 77U);
  EXPECT_EQ(book.mappings_walked, 5U);
}

}  // namespace
}  // namespace vmleak
