// SPDX-License-Identifier: Apache-2.0
// Who took a reference that nobody is seen to hold, or that somebody holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kNow;
using testing::kSecond;
using testing::Machine;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

constexpr std::uint64_t kHour = 3600 * kSecond;

// An armed host with a VM; both know all that is there.
struct ArmedVm {
  TestHost host;
  Machine vm;

  ArmedVm() : vm(host.vm(4711)) {
    host.arm();
    host.record_all(4711);
  }
  Finding leak() { return only_finding(host); }
};

Origin only_origin(const Finding& finding) {
  EXPECT_EQ(finding.origins.size(), 1U);
  return finding.origins.size() == 1 ? finding.origins.front() : Origin{};
}

TEST(Origin, OfAHiddenFileIsWhoTookItsReference) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.dies(4711);
  const auto finding = armed.leak();
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.state, OriginState::kTaken);
  EXPECT_EQ(origin.references, 1);
  EXPECT_EQ(origin.of, 1);
  EXPECT_EQ(origin.cls, "kvm/vcpu-file");
  EXPECT_EQ(origin.function, "kvm_vm_ioctl");
  EXPECT_EQ(origin.module, "module");
  EXPECT_THAT(origin.stack, ElementsAre("kvm_vm_ioctl [module]", "do_syscall_64"));
  EXPECT_EQ(origin.pid, 4711);
  EXPECT_EQ(origin.comm, "qemu-system-x86");
  EXPECT_EQ(origin.time, "2025-12-31T22:00:00Z");
  EXPECT_EQ(origin.object.kind, "kvm");
  EXPECT_EQ(origin.counter, "users_count");
}

TEST(Origin, IsOnlyThatOfTheReferenceThatIsLeft) {
  ArmedVm armed;
  // Two takes from one place, and the drop of the second.
  auto& first = armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 4711, 2 * kHour);
  first.taken.tid = 1;
  armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 4711, kHour);
  armed.host.ledger().entries.pop_back();
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  armed.host.dies(4711);
  const auto origin = only_origin(armed.leak());
  EXPECT_EQ(origin.cls, "kvm/vm-stats-file");
  EXPECT_EQ(origin.references, 1);
  EXPECT_EQ(origin.time, "2025-12-31T22:00:00Z");
}

TEST(Origin, OfSeveralReferencesFromOnePlaceIsOneWithACount) {
  ArmedVm armed;
  armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 4711, kHour);
  armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 4711, 2 * kHour);
  armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 99, kHour);
  armed.host.unexplained(armed.vm.kvm, "users_count", 3);
  armed.host.dies(4711);
  const auto finding = armed.leak();
  ASSERT_EQ(finding.origins.size(), 2U);
  EXPECT_EQ(finding.origins[0].references, 2);
  EXPECT_EQ(finding.origins[0].of, 3);
  EXPECT_EQ(finding.origins[0].time, "2025-12-31T22:00:00Z");  // of the first
  EXPECT_EQ(finding.origins[1].references, 1);
  EXPECT_EQ(finding.origins[1].pid, 99);
}

TEST(Origin, OfWhatWasThereWhenArmedIsNotKnown) {
  ArmedVm armed;
  auto& entry = armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 0);
  entry.state = EntryState::kPreexisting;
  entry.taken = {};
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  armed.host.dies(4711);
  const auto origin = only_origin(armed.leak());
  EXPECT_EQ(origin.state, OriginState::kPreexisting);
  EXPECT_EQ(origin.pid, 0);
  EXPECT_EQ(origin.time, "");
}

TEST(Origin, ThatWasThereWhenArmedIsNoSuspectBesideTheOneThatIs) {
  ArmedVm armed;
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 0).state = EntryState::kPreexisting;
  armed.host.record("kvm/vm-stats-file", armed.vm.kvm, "", 4711);
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  armed.host.dies(4711);
  EXPECT_EQ(only_origin(armed.leak()).cls, "kvm/vm-stats-file");
}

TEST(Origin, OfAForgottenReferenceIsWhoTookAndWhoForgotIt) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.arm();
  host.record_all(4711);
  host.forgets("mm/vhost", vm.mm, 4711).dropped.pid = 4712;
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "mm");
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.state, OriginState::kForgotten);
  EXPECT_EQ(origin.function, "vhost_dev_set_owner");
  EXPECT_EQ(origin.pid, 4711);
  EXPECT_EQ(origin.dropped_in, "vhost_detach_mm");
  ASSERT_TRUE(origin.dropped);
  EXPECT_EQ(origin.dropped->pid, 4712);
  EXPECT_EQ(origin.dropped->time, "2025-12-31T23:50:00Z");
}

TEST(Origin, OfAForgottenReferenceLeavesNoneForOthers) {
  ArmedVm armed;
  armed.host.forgets("kvm/vm-stats-file", armed.vm.kvm, 4711);
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 99);
  armed.host.dies(4711);
  EXPECT_EQ(only_origin(armed.leak()).state, OriginState::kForgotten);
}

TEST(Origin, OfAModulesOwnGetsIsTheirSumWithEveryStack) {
  ArmedVm armed;
  auto& sum = armed.host.outside(armed.vm.kvm, "take_kvm", "gpu_vendor", 3, 1);
  sum.stacks.push_back({1, false, {"take_kvm [gpu_vendor]", "other_way"}, {88, 88, "tool", kNow}});
  armed.host.unexplained(armed.vm.kvm, "users_count", 2);
  armed.host.dies(4711);
  const auto origin = only_origin(armed.leak());
  EXPECT_EQ(origin.state, OriginState::kUnbalanced);
  EXPECT_EQ(origin.references, 2);
  EXPECT_EQ(origin.of, 2);
  EXPECT_EQ(origin.function, "take_kvm");
  EXPECT_EQ(origin.module, "gpu_vendor");
  EXPECT_FALSE(origin.at_or_below);
  ASSERT_EQ(origin.candidates.size(), 2U);  // not the one of the put
  EXPECT_EQ(origin.candidates[0].references, 3);
  EXPECT_EQ(origin.candidates[0].last.pid, 77);
  EXPECT_EQ(origin.candidates[1].stack.back(), "other_way");
  EXPECT_EQ(origin.pid, 0);  // either may be it
  EXPECT_THAT(origin.stack, IsEmpty());
}

TEST(Origin, OfAModuleThatPutsElsewhereIsBalanced) {
  ArmedVm armed;
  armed.host.outside(armed.vm.kvm, "take_kvm", "gpu_vendor", 3, 0);
  armed.host.outside(armed.vm.kvm, "drop_kvm", "gpu_vendor", 0, 3);
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  armed.host.dies(4711);
  EXPECT_THAT(armed.leak().origins, IsEmpty());
}

TEST(Origin, OfATailCallIsAtOrBelowTheFunctionThatJumped) {
  ArmedVm armed;
  armed.host.outside(armed.vm.kvm, "take_kvm", "gpu_vendor", 1, 0).at_or_below = true;
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  armed.host.dies(4711);
  const auto origin = only_origin(armed.leak());
  EXPECT_TRUE(origin.at_or_below);
  EXPECT_TRUE(origin.candidates.at(0).at_or_below);
  EXPECT_EQ(origin.pid, 77);  // the only stack there is
}

TEST(Origin, OfAnExtraReferenceToAFileIsWhoOpenedIt) {
  ArmedVm armed;
  armed.host.unexplained(armed.vm.vm_file, "f_count", 2);  // get_file() leaves no entry
  armed.host.dies(4711);
  const auto finding = armed.leak();
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.state, OriginState::kOpened);
  EXPECT_EQ(origin.references, 2);
  EXPECT_EQ(origin.object.kind, "open_file");
  EXPECT_EQ(origin.counter, "f_count");
  EXPECT_EQ(origin.cls, "kvm/vm-file");
  EXPECT_EQ(origin.function, "kvm_dev_ioctl");
  EXPECT_EQ(origin.pid, 4711);
}

TEST(Origin, OfAHeldReferenceIsWhoTookItNotWhoHoldsIt) {
  ArmedVm armed;
  armed.host.fd(armed.host.process(900, "backup"), armed.vm.vm_file);  // passed on
  armed.host.dies(4711);
  const auto finding = armed.leak();
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_THAT(testing::chain_ends(finding), ElementsAre("backup"));
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->pid, 4711);
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.state, OriginState::kTaken);
  EXPECT_EQ(origin.cls, "kvm/vm-file");
  EXPECT_EQ(origin.pid, 4711);
  EXPECT_EQ(origin.of, 1);
}

TEST(Origin, OfHeldMemoryIsWhoGaveItToVhost) {
  TestHost host;
  const auto vm = host.vm_with_device(8751, 17);
  const auto vhost = host.file("vhost/net-file", "/dev/vhost-net");
  host.hold(vhost, vm.mm, "mm/vhost");
  host.fd(host.process(8733, "containerd-shim"), vhost, "fd 18");
  host.arm();
  host.record_all(8751);
  host.dies(8751);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.object.kind, "mm");
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.cls, "mm/vhost");
  EXPECT_EQ(origin.function, "vhost_dev_set_owner");
  EXPECT_THAT(origin.holder, HasSubstr("/dev/vhost-net"));
}

TEST(Origin, OfAModulesReferenceIsTheFileThatNobodySees) {
  TestHost host;
  host.vm(4711);
  host.modules();
  host.arm();
  host.record_all(4711);
  host.unexplained("module:vfio", "refcount", 1);
  host.record("vfio-container/file", "", "", 4000);
  host.record("kvm/vcpu-file", "", "", 4001);  // keeps another module
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.rule, "module-references");
  const auto origin = only_origin(finding);
  EXPECT_EQ(origin.cls, "vfio-container/file");
  EXPECT_EQ(origin.pid, 4000);
}

TEST(Origin, IsNoneWithoutALedger) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.dies(4711);
  EXPECT_THAT(only_finding(host).origins, IsEmpty());
}

TEST(Origin, IsNeverWhyAnAliveVmIsSuspect) {
  ArmedVm armed;
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  armed.host.outside(armed.vm.kvm, "take_kvm", "gpu_vendor", 1, 0);
  armed.host.unexplained(armed.vm.kvm, "users_count", 2);
  const auto report = audit(settled(armed.host.book()));
  EXPECT_EQ(report.verdict, Verdict::kClean);
}

// Everything below: the name of the domain that a process belonged to.

TEST(OriginsDomain, IsThatOfTheProcessWhileItIsThere) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.exits(4711);
  const auto book = armed.host.book();
  const auto report = audit(settled(book));
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].origins.at(0).domain, "gpu-4711");
}

Snapshot leaked_vm_with_record(std::uint64_t started_ns, std::uint64_t ended_ns) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.dies(4711);
  auto snapshot = settled(armed.host.book());
  PastRun run;
  run.name = "db-02";
  run.uuid = "0b1e0c2a-0000-4000-8000-000000000002";
  run.source = "libvirt domain log";
  run.pid = 4711;
  run.started_ns = started_ns;
  run.ended_ns = ended_ns;
  snapshot.management.past_runs = {run};
  return snapshot;
}

TEST(OriginsDomain, IsThatOfARecordedRunWithItsPid) {
  const auto snapshot = leaked_vm_with_record(kNow - 5 * kHour, kNow - kHour / 2);
  EXPECT_EQ(only_finding(audit(snapshot)).origins.at(0).domain, "db-02");
}

TEST(OriginsDomain, IsNotThatOfARunThatWasOverWhenItWasTaken) {
  const auto snapshot = leaked_vm_with_record(kNow - 5 * kHour, kNow - 4 * kHour);
  EXPECT_EQ(only_finding(audit(snapshot)).origins.at(0).domain, "");
}

TEST(OriginsDomain, IsNotThatOfALaterProcessWithThePid) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.dies(4711);
  const auto later = armed.host.process(4711, "qemu-system-x86");
  auto& facts = armed.host.facts<ProcessFacts>(later);
  facts.mm = "";  // another address space than the VM's
  facts.vm.name = "web-01";
  facts.start_time_ns = 5 * kHour;  // an hour ago
  auto snapshot = settled(armed.host.book());
  snapshot.host.boot_time_ns = kNow - 6 * kHour;
  const auto report = audit(snapshot);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].origins.at(0).domain, "");
}

TEST(OwnerByLedger, NamesWhoMadeAnObjectThatNothingElseNames) {
  TestHost host;
  const auto idle = host.idle_device(42, "0000:8a:00.0");
  host.arm();
  host.record("vfio-group/file", idle.group, "", 4711);
  host.unexplained(idle.group, "opened_file", 1);
  const auto finding = only_finding(host);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "qemu-system-x86");
  EXPECT_EQ(finding.owner->pid, 4711);
  EXPECT_EQ(finding.owner->source, "ledger");
  EXPECT_EQ(finding.owner->state, OwnerState::kGone);
}

TEST(OwnerByLedger, SaysLessThanTheProcessItself) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.exits(4711);
  const auto report = audit(settled(armed.host.book()));
  ASSERT_FALSE(report.findings.empty());
  ASSERT_TRUE(report.findings[0].owner);
  EXPECT_EQ(report.findings[0].owner->source, "command line");
}

}  // namespace
}  // namespace vmleak
