// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "audit/verdict.h"
#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;
using enum NodeKind;

TEST(Worst, GoesFromCleanToLeaked) {
  const std::vector<Verdict> order{Verdict::kClean, Verdict::kReleasing, Verdict::kInconclusive,
                                   Verdict::kStale, Verdict::kHeld,      Verdict::kLeaked};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      EXPECT_EQ(worst(order[i], order[j]), order[std::max(i, j)]);
    }
  }
}

Finding with(Verdict verdict) {
  Finding finding;
  finding.verdict = verdict;
  return finding;
}

TEST(OverallVerdict, IsTheWorstOfTheFindings) {
  const std::vector findings{with(Verdict::kReleasing), with(Verdict::kHeld),
                             with(Verdict::kInconclusive)};
  EXPECT_EQ(overall_verdict(findings, {}, Tier::kSnapshot), Verdict::kHeld);
  EXPECT_EQ(overall_verdict({}, {}, Tier::kSnapshot), Verdict::kClean);
}

TEST(OverallVerdict, IsNeverCleanAfterALoss) {
  const std::vector<Loss> losses{{"walk cut short", 1, {kKvm}}};
  EXPECT_EQ(overall_verdict({}, losses, Tier::kFull), Verdict::kInconclusive);
  const std::vector releasing{with(Verdict::kReleasing)};
  EXPECT_EQ(overall_verdict(releasing, losses, Tier::kFull), Verdict::kInconclusive);
  const std::vector held{with(Verdict::kHeld)};
  EXPECT_EQ(overall_verdict(held, losses, Tier::kFull), Verdict::kHeld);
}

TEST(OverallVerdict, IsNeverCleanFromProcAlone) {
  EXPECT_EQ(overall_verdict({}, {}, Tier::kProc), Verdict::kInconclusive);
}

TEST(Losses, HideHoldersOfTheKindsTheyTouch) {
  const std::vector<Loss> files{{"files", 1, {kOpenFile}}};
  const std::vector<Loss> groups{{"groups", 1, {kVfioGroup}}};
  const std::vector<Loss> all{{"everything", 1, {}}};
  EXPECT_EQ(losses_that_hide(files, kKvm).size(), 1U);
  EXPECT_EQ(losses_that_hide(groups, kKvm).size(), 0U);
  EXPECT_EQ(losses_that_hide(groups, kVfioGroup).size(), 1U);
  EXPECT_EQ(losses_that_hide(files, kIommuGroup).size(), 0U);
  for (const auto kind :
       {kKvm, kVfioGroup, kVfioDevice, kVfioContainer, kIommuGroup, kMm, kModule, kOpenFile}) {
    EXPECT_EQ(losses_that_hide(all, kind).size(), 1U);
  }
}

class LeakWithLoss : public ::testing::TestWithParam<std::pair<std::vector<NodeKind>, Verdict>> {};

TEST_P(LeakWithLoss, StaysALeakOnlyIfTheLossHidesNoHolder) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.dies(4711);
  host.loses("list changed during 3 walks", GetParam().first);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, GetParam().second);
  if (finding.verdict == Verdict::kInconclusive) {
    EXPECT_THAT(evidence(finding, "loss"), HasSubstr("list changed during 3 walks"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LeakWithLoss,
    ::testing::Values(std::pair{std::vector{kOpenFile}, Verdict::kInconclusive},
                      std::pair{std::vector{kProcess}, Verdict::kInconclusive},
                      std::pair{std::vector{kKvm}, Verdict::kInconclusive},
                      std::pair{std::vector<NodeKind>{}, Verdict::kInconclusive},
                      std::pair{std::vector{kIommuGroup}, Verdict::kLeaked},
                      std::pair{std::vector{kModule, kFile}, Verdict::kLeaked}));

TEST(HeldWithLoss, StaysHeldUnlessTheOwnerMayBeHidden) {
  const auto verdict_after = [](std::vector<NodeKind> kinds) {
    TestHost host;
    const auto vm = host.vm(4711);
    host.fd(host.process(900, "backup"), vm.vm_file);
    host.dies(4711);
    host.loses("walk cut short", std::move(kinds));
    return only_finding(host).verdict;
  };
  EXPECT_EQ(verdict_after({kOpenFile}), Verdict::kHeld);
  EXPECT_EQ(verdict_after({kProcess}), Verdict::kInconclusive);
  EXPECT_EQ(verdict_after({}), Verdict::kInconclusive);
}

TEST(HeldWithLoss, ADeviceMayBelongToAVmThatWasNotFound) {
  const auto verdict_after = [](std::vector<NodeKind> kinds) {
    TestHost host;
    const auto vm = host.vm_with_device(4711, 42);
    host.fd(host.process(900, "thief"), vm.device_file);
    host.dies(4711);
    host.loses("walk cut short", std::move(kinds));
    return only_finding(host).verdict;
  };
  EXPECT_EQ(verdict_after({kKvm}), Verdict::kInconclusive);
  EXPECT_EQ(verdict_after({kModule}), Verdict::kHeld);
}

TEST(ProcTier, KnowsNothingForSure) {
  TestHost host;
  const auto a = host.vm(4711);
  const auto b = host.vm(4712);
  host.unexplained(a.kvm, "users_count", 1);
  host.fd(host.process(900, "backup"), b.vm_file);
  host.dies(4711);
  host.dies(4712);
  auto snapshot = settled(host.book());
  snapshot.coverage.tier = Tier::kProc;
  const auto report = audit(snapshot);
  ASSERT_EQ(report.findings.size(), 2U);
  for (const auto& finding : report.findings) {
    EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  }
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
}

TEST(ProcTier, IsNotCleanWithoutFindings) {
  auto snapshot = settled(TestHost().book());
  snapshot.coverage.tier = Tier::kProc;
  EXPECT_EQ(audit(snapshot).verdict, Verdict::kInconclusive);
}

TEST(UnknownOwner, IsNoLeak) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.dies(4711);
  host.facts<KvmFacts>(vm.kvm).mm.clear();
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->state, OwnerState::kUnknown);
}

TEST(Negative, MakesALeakOnTheSamePathInconclusive) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.unexplained(vm.group_file, "f_count", 1);
  host.unexplained(vm.container, "kref", -1);
  host.unexplained(vm.container_file, "f_count", 1);
  host.dies(4711);
  const auto report = audit(settled(host.book()));
  ASSERT_EQ(report.findings.size(), 2U);
  for (const auto& finding : report.findings) {
    EXPECT_EQ(finding.verdict, Verdict::kInconclusive) << finding.rule;
  }
}

TEST(Negative, OfAnObjectIsInconsistent) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", -1);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.rule, "inconsistent-books");
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  ASSERT_EQ(finding.counters.size(), 1U);
  EXPECT_EQ(finding.counters[0].unaccounted, -1);  // not clamped
}

TEST(Negative, InOneSampleOnlyIsARace) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto fine = host.book();
  host.unexplained(vm.kvm, "users_count", -1);
  const auto raced = host.book();
  EXPECT_TRUE(audit(samples({raced, raced, fine})).findings.empty());
  EXPECT_TRUE(audit(samples({fine, fine, raced})).findings.empty());
  EXPECT_EQ(audit(samples({fine, raced, raced})).findings.size(), 1U);
}

TEST(Negative, OfARunningProcessIsOfNoInterest) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.mm, "mm_users", -1);
  host.unexplained(vm.vm_file, "f_count", -1);
  EXPECT_TRUE(audit(settled(host.book())).findings.empty());
}

}  // namespace
}  // namespace vmleak
