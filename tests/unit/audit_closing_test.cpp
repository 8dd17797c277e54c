// SPDX-License-Identifier: Apache-2.0
// Slow is not leaked: tasks that may still give something back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using testing::Machine;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

// A VM with one reference nobody holds; its process is gone.
class Suspect : public ::testing::Test {
 protected:
  Suspect() {
    host.unexplained(vm.kvm, "users_count", 1);
    host.dies(4711);
  }
  Book book_with(std::int64_t tid, std::int64_t pid, ClosingReason reason,
                 bool kernel_thread = false) {
    auto book = host.book();
    book.closing_tasks.push_back({tid, pid, "task", "D", reason, {"__fput"}, kernel_thread});
    return book;
  }
  static Verdict verdict(const Snapshot& snapshot) { return only_finding(audit(snapshot)).verdict; }

  TestHost host;
  Machine vm = host.vm(4711);
};

TEST_F(Suspect, AloneIsLeaked) { EXPECT_EQ(verdict(settled(host.book())), Verdict::kLeaked); }

class SuspectWithReason : public Suspect, public ::testing::WithParamInterface<ClosingReason> {};

TEST_P(SuspectWithReason, ItsCreatorsTaskReleasesIt) {
  const auto report = audit(settled(book_with(4713, 4711, GetParam())));
  const auto finding = only_finding(report);
  EXPECT_EQ(finding.verdict, Verdict::kReleasing);
  EXPECT_EQ(report.verdict, Verdict::kReleasing);
  EXPECT_EQ(report.vms_releasing, 1);
  EXPECT_THAT(evidence(finding, "closing task"), HasSubstr("task 4713 of task 4711 (D)"));
  EXPECT_THAT(evidence(finding, "closing task"), HasSubstr("__fput"));
}

TEST_P(SuspectWithReason, AStrangersTaskMayHaveIt) {
  const auto finding = only_finding(audit(settled(book_with(901, 900, GetParam()))));
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(evidence(finding, "closing task"), HasSubstr("task 901 of task 900"));
}

INSTANTIATE_TEST_SUITE_P(Reasons, SuspectWithReason,
                         ::testing::Values(ClosingReason::kTaskWork, ClosingReason::kExitMmap,
                                           ClosingReason::kDestroyVm, ClosingReason::kExiting,
                                           ClosingReason::kCoreDump));

TEST_F(Suspect, AnUnreadableStackOfItsCreatorIsNoVerdict) {
  EXPECT_EQ(verdict(settled(book_with(4713, 4711, ClosingReason::kUnknown))),
            Verdict::kInconclusive);
}

TEST_F(Suspect, AnUnreadableAndAReadableStackRelease) {
  auto book = book_with(4713, 4711, ClosingReason::kUnknown);
  book.closing_tasks.push_back(
      {4714, 4711, "task", "D", ClosingReason::kExitMmap, {"exit_mmap"}, false});
  EXPECT_EQ(verdict(settled(book)), Verdict::kReleasing);
}

TEST_F(Suspect, ItsCreatorsTaskReleasesItThoughNotWaitedFor) {
  AuditOptions options;
  options.no_wait = true;
  const auto snapshot = samples({book_with(4713, 4711, ClosingReason::kTaskWork)});
  EXPECT_EQ(only_finding(audit(snapshot, options)).verdict, Verdict::kReleasing);
}

TEST_F(Suspect, AKernelThreadPutsFilesForAnybody) {
  EXPECT_EQ(verdict(settled(book_with(60, 60, ClosingReason::kTaskWork, true))),
            Verdict::kReleasing);
}

TEST_F(Suspect, AStrangerThatWasNotClosingAllTheTimeHasNothingToDoWithIt) {
  const auto closing = book_with(901, 900, ClosingReason::kExiting);
  const auto quiet = host.book();
  EXPECT_EQ(verdict(samples({quiet, quiet, closing})), Verdict::kLeaked);
  EXPECT_EQ(verdict(samples({closing, quiet, closing})), Verdict::kLeaked);
  EXPECT_EQ(verdict(samples({closing, closing, closing})), Verdict::kInconclusive);
}

TEST_F(Suspect, DifferentStrangersHaveNothingToDoWithIt) {
  EXPECT_EQ(verdict(samples({book_with(901, 900, ClosingReason::kExiting),
                             book_with(902, 902, ClosingReason::kExiting),
                             book_with(903, 903, ClosingReason::kExiting)})),
            Verdict::kLeaked);
}

TEST_F(Suspect, WhoseCreatorWasClosingAMomentAgoIsNotSettled) {
  const auto closing = book_with(4713, 4711, ClosingReason::kTaskWork);
  const auto quiet = host.book();
  EXPECT_EQ(verdict(samples({closing, closing, quiet})), Verdict::kInconclusive);
  EXPECT_EQ(verdict(samples({closing, quiet, quiet, quiet})), Verdict::kLeaked);
}

TEST_F(Suspect, OfAnUnknownCreatorMayBeAnybodys) {
  host.facts<KvmFacts>(vm.kvm).creator_pid = 0;
  EXPECT_EQ(verdict(settled(book_with(901, 900, ClosingReason::kTaskWork))), Verdict::kReleasing);
  EXPECT_EQ(verdict(settled(book_with(901, 900, ClosingReason::kUnknown))), Verdict::kInconclusive);
  EXPECT_EQ(verdict(settled(host.book())), Verdict::kLeaked);
}

TEST(DmaUser, IsAKnownOwner) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.facts<KvmFacts>(vm.kvm).creator_pid = 0;
  host.unexplained(vm.group_file, "f_count", 1);
  host.dies(4711);
  host.closing(4713, 4711, ClosingReason::kTaskWork);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kReleasing);
}

TEST(ExitingQemu, StuckWithItsFilesIsReleasing) {
  TestHost host;  // the leader a zombie, one thread in D
  host.vm_with_device(4711, 42);
  host.exits(4711);
  host.closing(4713, 4711, ClosingReason::kExiting);
  const auto report = audit(settled(host.book()));
  const auto finding = only_finding(report);
  EXPECT_EQ(finding.verdict, Verdict::kReleasing);
  EXPECT_EQ(report.vms_releasing, 1);
  EXPECT_THAT(finding.summary, HasSubstr("qemu-system-x86 4711"));
  EXPECT_THAT(evidence(finding, "closing task"), HasSubstr("task_work_run"));
}

TEST(ExitingQemu, WithFilesInNoTableIsReleasing) {
  TestHost host;  // a group file stalls in release, KVM's files wait behind it
  const auto vm = host.vm_with_device(4711, 42);
  for (const auto& file :
       {vm.vm_file, vm.vcpu_file, vm.kvm_vfio_file, vm.device_file, vm.container_file}) {
    host.hide(file);
  }
  host.unexplained(vm.group_file, "f_count", 1);
  host.dies(4711);
  host.closing(4711, 4711, ClosingReason::kTaskWork);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kReleasing);
}

TEST(ExitingQemu, ThatPutsAFileReleases) {
  TestHost host;  // the file's count is 0 already, its release has not run
  const auto vm = host.vm(4711);
  host.drop(vm.process, vm.vcpu_file);
  host.dies(4711);
  const auto putter = host.process(4800, "worker");
  host.hold(putter, vm.vm_file, "file/pending-fput");
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kReleasing);
}

TEST(CoreDump, IsReleasing) {
  TestHost host;
  host.vm_with_device(4711, 42);
  host.closing(4712, 4711, ClosingReason::kCoreDump);
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(only_finding(report).verdict, Verdict::kReleasing);
  EXPECT_EQ(report.verdict, Verdict::kReleasing);
}

TEST(DyingVm, IsReleasingWhileATaskTakesItDown) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.facts<KvmFacts>(vm.kvm).dying = true;
  host.dies(4711);
  host.closing(4713, 4711, ClosingReason::kDestroyVm);
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(only_finding(report).verdict, Verdict::kReleasing);
  EXPECT_EQ(report.vms_releasing, 1);
  EXPECT_EQ(report.vms_fine, 0);
}

TEST(DyingVm, ThatNobodyTakesDownIsNoVerdict) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.facts<KvmFacts>(vm.kvm).dying = true;
  host.dies(4711);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kInconclusive);
}

TEST(ExitingHolder, ReleasesWhatItHolds) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.fd(host.process(900, "backup"), vm.vm_file);
  host.dies(4711);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kHeld);
  host.exits(900);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kReleasing);
}

TEST(ExitingHolder, DoesNotExcuseOneThatRuns) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.fd(host.process(900, "backup"), vm.vm_file);
  host.fd(host.process(901, "agent"), vm.vm_file);
  host.dies(4711);
  host.exits(900);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_THAT(finding.summary, HasSubstr("agent 901 keeps"));
}

}  // namespace
}  // namespace vmleak
