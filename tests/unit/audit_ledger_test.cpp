// SPDX-License-Identifier: Apache-2.0
// How far a ledger can be trusted, and what it decides: next to nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using testing::evidence;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kNow;
using testing::kSecond;
using testing::Machine;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

struct ArmedVm {
  TestHost host;
  Machine vm;

  ArmedVm() : vm(host.vm_with_device(4711, 42)) {
    host.arm();
    host.record_all(4711);
  }
};

Family family(std::string_view name, FamilyState state, std::vector<std::string> classes) {
  return {std::string(name), state, "fentry", "", std::move(classes)};
}

TEST(Drift, IsNoneWhereTheBooksAgree) {
  ArmedVm armed;
  const auto report = audit(settled(armed.host.book()));
  EXPECT_THAT(report.drift, IsEmpty());
  EXPECT_EQ(report.verdict, Verdict::kClean);
  EXPECT_FALSE(has_suspects(settled(armed.host.book())));
}

TEST(Drift, IsAnEntryTooManyWhileTheHoldersAddUp) {
  ArmedVm armed;
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  const auto snapshot = settled(armed.host.book());
  EXPECT_TRUE(has_suspects(snapshot));
  const auto report = audit(snapshot);
  ASSERT_EQ(report.drift.size(), 1U);
  EXPECT_EQ(report.drift[0].object.kind, "kvm");
  EXPECT_EQ(report.drift[0].counter, "users_count");
  EXPECT_EQ(report.drift[0].cls, "kvm/vcpu-file");
  EXPECT_EQ(report.drift[0].seen, 1);
  EXPECT_EQ(report.drift[0].recorded, 2);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.verdict, Verdict::kClean);  // the counter is the truth
}

TEST(Drift, IsAnEntryTooFewOfAnObjectThatTheLedgerSawMade) {
  ArmedVm armed;
  std::erase_if(armed.host.ledger().entries,
                [](const LedgerEntry& entry) { return entry.cls == "kvm/vfio-device"; });
  const auto report = audit(settled(armed.host.book()));
  ASSERT_EQ(report.drift.size(), 1U);
  EXPECT_EQ(report.drift[0].cls, "kvm/vfio-device");
  EXPECT_EQ(report.drift[0].recorded, 0);
}

TEST(Drift, IsNotWhatWasTakenBeforeItWasArmed) {
  ArmedVm armed;
  std::erase_if(armed.host.ledger().entries,
                [](const LedgerEntry& entry) { return entry.cls == "kvm/vfio-device"; });
  for (auto& entry : armed.host.ledger().entries) entry.state = EntryState::kPreexisting;
  EXPECT_THAT(audit(settled(armed.host.book())).drift, IsEmpty());
}

TEST(Drift, IsNotWhatOneOfThreeSamplesShows) {
  ArmedVm armed;
  const auto before = armed.host.book();
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  const auto after = armed.host.book();
  EXPECT_THAT(audit(samples({before, after, after})).drift, IsEmpty());
  EXPECT_THAT(audit(samples({after})).drift, IsEmpty());  // one may have raced
}

TEST(Drift, IsNotASecondReferenceThatTheCounterHasToo) {
  ArmedVm armed;
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  armed.host.unexplained(armed.vm.kvm, "users_count", 1);
  EXPECT_THAT(audit(settled(armed.host.book())).drift, IsEmpty());
}

TEST(Drift, OfAClassThatIsNotCompleteIsNone) {
  ArmedVm armed;
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  std::erase(armed.host.ledger().complete_classes, "kvm/vcpu-file");
  EXPECT_THAT(audit(settled(armed.host.book())).drift, IsEmpty());
}

TEST(Drift, StandsBesideAnOriginOfItsClass) {
  ArmedVm armed;
  const auto leaked = armed.host.vm(5000);
  armed.host.record_all(5000);
  armed.host.record("kvm/vcpu-file", armed.vm.kvm, "", 4711);
  armed.host.hide(leaked.vcpu_file);
  armed.host.dies(5000);
  const auto finding = only_finding(armed.host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_THAT(evidence(finding, "ledger drift"), HasSubstr("class kvm/vcpu-file"));
}

TEST(LedgerLoss, IsSaidAndNeverClean) {
  ArmedVm armed;
  auto book = armed.host.book();
  book.losses = {{"the ledger was full: 42 references were not recorded (capacity 8)",
                  42,
                  {NodeKind::kKvm, NodeKind::kEventfd},
                  true}};
  const auto report = audit(settled(book));
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  ASSERT_EQ(report.losses.size(), 1U);
  EXPECT_THAT(report.losses[0].what, HasSubstr("capacity 8"));
}

TEST(LedgerLoss, HidesNoHolderOfWhatIsCountedAndSeen) {
  ArmedVm armed;
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.dies(4711);
  auto book = armed.host.book();
  EXPECT_EQ(only_finding(audit(settled(book))).verdict, Verdict::kLeaked);
  book.losses = {{"the ledger was full", 1, {NodeKind::kKvm}, true}};
  EXPECT_EQ(only_finding(audit(settled(book))).verdict, Verdict::kLeaked);
  book.losses[0].in_ledger = false;  // its twin: a walk was cut short
  EXPECT_EQ(only_finding(audit(settled(book))).verdict, Verdict::kInconclusive);
}

TEST(LedgerLoss, HidesNoRightfulUserOfWhatIsHeld) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.fd(host.process(900, "backup"), vm.group_file);
  host.dies(4711);
  auto book = host.book();
  book.losses = {{"the ledger was full", 1, {NodeKind::kKvm}, true}};
  EXPECT_EQ(only_finding(audit(settled(book))).verdict, Verdict::kHeld);
}

TEST(StaleFamily, IsALossOfItsClassesKinds) {
  ArmedVm armed;
  auto snapshot = settled(armed.host.book());
  snapshot.coverage.families = {family("ledger/kvm-files", FamilyState::kAttached, {"kvm/vm-file"}),
                                family("ledger/vhost-mm", FamilyState::kStale, {"mm/vhost"}),
                                family("ledger/unknown", FamilyState::kStale, {})};
  const auto report = audit(snapshot);
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  ASSERT_EQ(report.losses.size(), 2U);
  EXPECT_THAT(report.losses[0].what, HasSubstr("ledger/vhost-mm is stale"));
  EXPECT_THAT(report.losses[0].kinds, ElementsAre(NodeKind::kMm));
  EXPECT_TRUE(report.losses[0].in_ledger);
  EXPECT_THAT(report.losses[1].kinds, IsEmpty());  // so everything
}

TEST(StaleFamily, IsSaidOnce) {
  ArmedVm armed;
  auto book = armed.host.book();
  book.losses = {{"ledger/vhost-mm is stale since its module was loaded anew", 1, {}, true}};
  auto snapshot = settled(book);
  snapshot.coverage.families = {family("ledger/vhost-mm", FamilyState::kStale, {"mm/vhost"})};
  EXPECT_EQ(audit(snapshot).losses.size(), 1U);
}

TEST(KprobeTier, NamesOriginsAndDecidesNothing) {
  ArmedVm armed;
  armed.host.ledger().complete_classes.clear();
  armed.host.hide(armed.vm.vcpu_file);
  armed.host.dies(4711);
  auto snapshot = settled(armed.host.book());
  snapshot.coverage.tier = Tier::kKprobe;
  const auto finding = only_finding(audit(snapshot));
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);  // by counter and holders
  ASSERT_EQ(finding.origins.size(), 1U);
  EXPECT_EQ(finding.origins[0].pid, 4711);
}

TEST(Coverage, SaysSinceWhenTheLedgerIsArmed) {
  ArmedVm armed;
  EXPECT_EQ(audit(settled(armed.host.book())).coverage.armed_since, "2025-12-31T21:00:00Z");
  TestHost host;
  host.vm(4711);
  EXPECT_EQ(audit(settled(host.book())).coverage.armed_since, "");
}

TEST(Removal, HasItsTimeAndTaskFromTheLedger) {
  ArmedVm armed;
  armed.host.ledger().removals = {
      {armed.vm.device, {340, 348, "bash", kNow - 7200 * kSecond}, 2, {"vfio_pci_remove"}}};
  auto book = armed.host.book();
  book.waiting_tasks = {{348,
                         340,
                         "bash",
                         "D",
                         KernelWait::kVfioUnregister,
                         "0000:8a:00.0",
                         0,
                         {"vfio_unregister_group_dev"}}};
  const auto finding = only_finding(audit(settled(book)));
  EXPECT_EQ(finding.rule, "removal-blocked");
  EXPECT_EQ(finding.since, "2025-12-31T22:00:00Z");
  EXPECT_THAT(evidence(finding, "ledger"),
              HasSubstr("bash 340 began to remove VFIO device 0000:8a:00.0 at "
                        "2025-12-31T22:00:00Z, when it had 2 references"));
}

}  // namespace
}  // namespace vmleak
