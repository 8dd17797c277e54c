// SPDX-License-Identifier: Apache-2.0
// Eventfd contexts that outlive the device whose interrupts they took.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Machine;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

constexpr std::string_view kTrigger = "eventfd/vfio-trigger";

// A VM whose device signals an eventfd that KVM listens to.
struct Interrupt {
  TestHost host;
  Machine vm;
  NodeId file;
  NodeId eventfd;

  Interrupt() : vm(host.vm_with_device(4711, 42)) {
    file = host.file("eventfd/file", "anon_inode:[eventfd]");
    host.fd(vm.process, file);
    eventfd = host.eventfd(77, file);
    host.hold(vm.device, eventfd, kTrigger);
    host.hold(vm.kvm, eventfd, "eventfd/irqfd");
    host.arm();
    host.record_all(4711);
    for (auto& entry : host.ledger().entries) {
      if (entry.cls == kTrigger) entry.holder_text = "VFIO trigger 2/0";
    }
  }

  // The device is closed and its trigger's reference stays.
  void forget() {
    host.drop(vm.device, eventfd);
    std::erase_if(host.ledger().entries, [](const auto& entry) { return entry.cls == kTrigger; });
    auto& entry = host.forgets(kTrigger, eventfd, 4711);
    entry.holder = vm.device;
    entry.holder_text = "VFIO trigger 2/0";
  }

  AuditReport report(Tier tier = Tier::kFull) {
    auto snapshot = settled(host.book());
    snapshot.coverage.tier = tier;
    return audit(snapshot);
  }
};

TEST(Eventfd, OfAnOpenDeviceIsClean) {
  Interrupt it;
  EXPECT_EQ(it.report().verdict, Verdict::kClean);
}

TEST(Eventfd, ThatIsGivenBackWithItsDeviceIsClean) {
  Interrupt it;
  it.host.dies(4711);
  EXPECT_EQ(it.report().verdict, Verdict::kClean);
  EXPECT_FALSE(it.host.has(it.eventfd));
}

TEST(Eventfd, WhoseTriggerWasForgottenIsLeaked) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  EXPECT_TRUE(has_suspects(settled(it.host.book())));
  const auto finding = only_finding(it.report());
  EXPECT_EQ(finding.rule, "eventfd-outlives-device");
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "eventfd");
  EXPECT_EQ(finding.summary,
            "eventfd 77 outlives VFIO device 0000:8a:00.0: 1 reference of its VFIO trigger 2/0 not "
            "given back, set by qemu-system-x86 4711");
  ASSERT_EQ(finding.origins.size(), 1U);
  EXPECT_EQ(finding.origins[0].state, OriginState::kForgotten);
  EXPECT_EQ(finding.origins[0].pid, 4711);
  EXPECT_EQ(finding.origins[0].dropped_in, "vfio_pci_core_close_device");
  EXPECT_THAT(finding.origins[0].holder, HasSubstr("VFIO trigger 2/0"));
  EXPECT_THAT(finding.impact.devices, IsEmpty());  // the device is free
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->pid, 4711);
}

TEST(Eventfd, OfARunningVmsClosedDeviceIsLeakedToo) {
  Interrupt it;
  it.forget();
  it.host.drop(it.vm.process, it.vm.device_file);  // unplugged
  it.host.drop(it.vm.mm, it.vm.device_file);
  const auto finding = only_finding(it.report());
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->state, OwnerState::kRunning);
  EXPECT_EQ(finding.owner->name, "gpu-4711");
  EXPECT_THAT(finding.summary, HasSubstr("(gpu-4711)"));
}

TEST(Eventfd, ThatIsOutThoughItsDeviceIsClosedIsLeaked) {
  Interrupt it;
  it.host.dies(4711);
  it.host.book();  // all is given back
  const auto file = it.host.file("eventfd/file", "anon_inode:[eventfd]");
  it.host.fd(it.host.process(900, "holder"), file);
  const auto eventfd = it.host.eventfd(78, file);
  it.host.hold(it.vm.device, eventfd, kTrigger);  // its open_count is 0
  it.host.record(kTrigger, eventfd, it.vm.device, 4711).holder_text = "VFIO trigger 2/1";
  const auto finding = only_finding(it.report());
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_THAT(finding.summary, HasSubstr("VFIO trigger 2/1"));
}

TEST(Eventfd, WithAnEntryButWithoutTheReferenceIsClean) {
  Interrupt it;
  it.forget();
  it.host.unexplained(it.eventfd, "kref", 0);  // the counter is the truth
  EXPECT_EQ(it.report().verdict, Verdict::kClean);
}

TEST(Eventfd, WithAReferenceButWithoutAnEntryIsClean) {
  Interrupt it;
  it.host.unexplained(it.eventfd, "kref", 1);  // of aio, say
  EXPECT_EQ(it.report().verdict, Verdict::kClean);
}

TEST(Eventfd, ReferencesOfOthersDoNotCount) {
  Interrupt it;
  it.forget();
  it.host.unexplained(it.eventfd, "kref", 0);
  it.host.drop(it.vm.kvm, it.eventfd);  // the book does not have it, the ledger does
  it.host.unexplained(it.eventfd, "kref", 1);
  it.host.record("eventfd/irqfd", it.eventfd, "", 4711);
  EXPECT_EQ(it.report().verdict, Verdict::kClean);
}

TEST(Eventfd, WithMoreReferencesThanItsBooksExplainIsNotSure) {
  Interrupt it;
  it.forget();
  it.host.unexplained(it.eventfd, "kref", 2);
  it.host.dies(4711);
  const auto finding = only_finding(it.report());
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(evidence(finding, "ledger"), HasSubstr("1 more reference to it"));
}

TEST(Eventfd, IsNotDecidedByKprobes) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  const auto finding = only_finding(it.report(Tier::kKprobe));
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_EQ(finding.origins.size(), 1U);
}

TEST(Eventfd, IsNotDecidedByALedgerThatMissesAClass) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  std::erase(it.host.ledger().complete_classes, "eventfd/irqfd");
  const auto finding = only_finding(it.report());
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(evidence(finding, "ledger"), HasSubstr("class eventfd/irqfd"));
}

TEST(Eventfd, IsNotDecidedWhenEntriesWereLost) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  auto book = it.host.book();
  book.losses = {{"the ledger was full", 3, {NodeKind::kEventfd}, true}};
  auto snapshot = settled(book);
  snapshot.coverage.tier = Tier::kFull;
  EXPECT_EQ(only_finding(audit(snapshot)).verdict, Verdict::kInconclusive);
}

TEST(Eventfd, IsNotDecidedByAStaleFamily) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  auto snapshot = settled(it.host.book());
  snapshot.coverage.tier = Tier::kFull;
  snapshot.coverage.families = {
      {"ledger/irqfd", FamilyState::kStale, "fentry", "", {"eventfd/irqfd"}}};
  EXPECT_EQ(only_finding(audit(snapshot)).verdict, Verdict::kInconclusive);
  snapshot.coverage.families = {
      {"ledger/vhost-mm", FamilyState::kStale, "fentry", "", {"mm/vhost"}}};
  EXPECT_EQ(only_finding(audit(snapshot)).verdict, Verdict::kLeaked);  // not needed for this
}

TEST(Eventfd, IsNotYetLeakedWhileItsProcessCloses) {
  Interrupt it;
  it.forget();
  it.host.dies(4711);
  it.host.closing(4711, 4711, ClosingReason::kTaskWork);
  EXPECT_EQ(only_finding(it.report()).verdict, Verdict::kReleasing);
}

}  // namespace
}  // namespace vmleak
