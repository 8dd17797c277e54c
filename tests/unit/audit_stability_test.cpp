// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using testing::kNow;
using testing::kSecond;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

Verdict verdict(const Snapshot& snapshot, AuditOptions options = {}) {
  return only_finding(audit(snapshot, options)).verdict;
}

class Leak : public ::testing::Test {
 protected:
  Book leaking(std::int64_t references = 1) {
    TestHost host;
    const auto vm = host.vm(4711);
    host.unexplained(vm.kvm, "users_count", references);
    host.dies(4711);
    return host.book();
  }
  Book alive() {
    TestHost host;
    const auto vm = host.vm(4711);
    host.unexplained(vm.kvm, "users_count", 1);
    return host.book();
  }
};

TEST_F(Leak, NeedsThreeSamples) {
  EXPECT_EQ(verdict(samples({leaking()})), Verdict::kInconclusive);
  auto two = samples({leaking(), leaking()});
  two.samples[1].time_ns = kNow + 60 * kSecond;
  EXPECT_EQ(verdict(two), Verdict::kInconclusive);
  EXPECT_EQ(verdict(settled(leaking())), Verdict::kLeaked);
}

TEST_F(Leak, NeedsTheWholeSettleTime) {
  auto snapshot = settled(leaking());
  snapshot.samples[2].time_ns -= 1;
  const auto finding = only_finding(audit(snapshot));
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(evidence(finding, "samples"), HasSubstr("only 3 of 3 samples over 10 of 10 s"));
}

TEST_F(Leak, NeedsTheTimeThatWasAskedFor) {
  auto snapshot = settled(leaking());
  snapshot.settle_ns = 30 * kSecond;
  EXPECT_EQ(verdict(snapshot), Verdict::kInconclusive);
  snapshot.settle_ns = 0;
  EXPECT_EQ(verdict(snapshot), Verdict::kLeaked);
}

TEST_F(Leak, IsNotSettledWhenNobodyWaited) {
  AuditOptions options;
  options.no_wait = true;
  EXPECT_EQ(verdict(settled(leaking()), options), Verdict::kInconclusive);
}

TEST_F(Leak, NeedsTheSameNumberInEachSample) {
  EXPECT_EQ(verdict(samples({leaking(2), leaking(1), leaking(1)})), Verdict::kInconclusive);
  EXPECT_EQ(verdict(samples({leaking(2), leaking(1), leaking(1), leaking(1)})), Verdict::kLeaked);
}

TEST_F(Leak, NeedsTheSameObjectInEachSample) {
  auto snapshot = settled(leaking());
  for (auto& node : snapshot.samples[0].nodes) node.instance += "-before";
  const auto finding = only_finding(audit(snapshot));
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(evidence(finding, "samples"), HasSubstr("only the last 2 of 3 samples agree"));
}

TEST_F(Leak, NeedsTheOwnerGoneInEachSample) {
  auto before = alive();
  // The same VM, while its process still ran.
  auto snapshot = samples({before, leaking(), leaking()});
  EXPECT_EQ(verdict(snapshot), Verdict::kInconclusive);
}

TEST_F(Leak, IsNotBelievedWhenTheClockWasSetBack) {
  auto snapshot = settled(leaking());
  snapshot.samples[0].time_ns = kNow + 3600 * kSecond;
  EXPECT_EQ(verdict(snapshot), Verdict::kInconclusive);
}

TEST_F(Leak, ThatIsGoneInTheLastSampleIsNone) {
  const auto report = audit(samples({leaking(), leaking(), TestHost().book()}));
  EXPECT_EQ(report.verdict, Verdict::kClean);
}

TEST_F(Leak, SaysForHowLongItWasWatched) {
  EXPECT_THAT(evidence(only_finding(audit(settled(leaking()))), "samples"),
              HasSubstr("the same in 3 samples over 10 s"));
}

class Holder : public ::testing::Test {
 protected:
  Book held_by(std::int64_t pid) {
    TestHost host;
    const auto vm = host.vm(4711);
    host.fd(host.process(pid, "holder"), vm.vm_file);
    host.dies(4711);
    return host.book();
  }
};

TEST_F(Holder, MustBeThereInEachSample) {
  EXPECT_EQ(verdict(settled(held_by(900))), Verdict::kHeld);
  EXPECT_EQ(verdict(samples({held_by(900), held_by(901), held_by(901)})), Verdict::kInconclusive);
  EXPECT_EQ(verdict(samples({held_by(900)})), Verdict::kInconclusive);
}

TEST_F(Holder, ThatTookOverFromTheOwnerIsNotSettled) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.fd(host.process(900, "holder"), vm.vm_file);
  const auto before = host.book();
  host.dies(4711);
  const auto after = host.book();
  EXPECT_EQ(verdict(samples({before, after, after})), Verdict::kInconclusive);
}

// A VM that a process keeps, with kernel references besides.
Book kept_twice(int processes, std::int64_t kernel_references) {
  TestHost host;
  const auto vm = host.vm(4711);
  std::vector<NodeId> holders;
  holders.reserve(2);
  for (int i = 0; i < 2; ++i) holders.push_back(host.process(900 + i, "holder"));
  for (int i = 0; i < processes; ++i) host.fd(holders[static_cast<std::size_t>(i)], vm.vm_file);
  host.unexplained(vm.vm_file, "f_count", kernel_references);
  host.dies(4711);
  return host.book();
}

TEST(Counter, ThatMovesIsNotSettled) {
  EXPECT_EQ(verdict(settled(kept_twice(1, 1))), Verdict::kLeaked);
  // The same references unexplained, another value: held is all that is sure.
  EXPECT_EQ(verdict(samples({kept_twice(2, 1), kept_twice(1, 1), kept_twice(1, 1)})),
            Verdict::kHeld);
  // The same value, of which more is unexplained.
  EXPECT_EQ(verdict(samples({kept_twice(2, 1), kept_twice(1, 2), kept_twice(1, 2)})),
            Verdict::kHeld);
}

TEST(NoSamples, AreInconclusive) {
  const auto report = audit(Snapshot{});
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  EXPECT_TRUE(report.findings.empty());
}

TEST(Churn, OfVmsThatComeAndGoIsNeverALeak) {
  // Each sample shows another VM half way down: unexplained references of
  // objects with the same id that are not the same object.
  std::vector<Book> books;
  for (int i = 0; i < 3; ++i) {
    TestHost host;
    const auto vm = host.vm(4711);
    host.hide(vm.vm_file);
    host.dies(4711);
    auto book = host.book();
    for (auto& node : book.nodes) node.instance += "-" + std::to_string(i);
    books.push_back(book);
  }
  EXPECT_EQ(audit(samples(books)).verdict, Verdict::kInconclusive);
}

}  // namespace
}  // namespace vmleak
