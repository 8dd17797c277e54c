// SPDX-License-Identifier: Apache-2.0
// What a finding says besides its verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "audit/wording.h"
#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using testing::Machine;
using ::testing::MatchesRegex;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

class GroupLeak : public ::testing::Test {
 protected:
  GroupLeak() {
    host.unexplained(vm.group_file, "f_count", 1);
    host.dies(4711);
  }
  TestHost host;
  Machine vm = host.vm_with_device(4711, 42);
};

TEST_F(GroupLeak, HasAStableId) {
  const auto snapshot = settled(host.book());
  const auto id = only_finding(audit(snapshot)).id;
  EXPECT_THAT(id, MatchesRegex("[0-9a-f]{6}"));
  AuditOptions options;
  options.no_wait = true;
  const auto early = only_finding(audit(samples({host.book()}), options));
  EXPECT_EQ(early.verdict, Verdict::kInconclusive);
  EXPECT_EQ(early.id, id);  // the same leak, whatever is known about it
}

TEST_F(GroupLeak, HasAnotherIdAfterAReboot) {
  auto snapshot = settled(host.book());
  const auto id = only_finding(audit(snapshot)).id;
  snapshot.host.boot_id = "11111111-2222-3333-4444-555555555555";
  EXPECT_NE(only_finding(audit(snapshot)).id, id);
}

TEST_F(GroupLeak, HasAnotherIdWhenItIsAnotherObject) {
  auto snapshot = settled(host.book());
  const auto id = only_finding(audit(snapshot)).id;
  for (auto& book : snapshot.samples) {
    for (auto& node : book.nodes) node.instance += "-later";
  }
  EXPECT_NE(only_finding(audit(snapshot)).id, id);
}

TEST_F(GroupLeak, SaysWhereItLooked) {
  EXPECT_THAT(evidence(only_finding(host), "searched"), HasSubstr("100 files, 10 mappings"));
}

TEST_F(GroupLeak, NamesItsLastUser) {
  const auto finding = only_finding(host);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "qemu-system-x86");
  EXPECT_EQ(finding.owner->pid, 4711);
  EXPECT_EQ(finding.owner->state, OwnerState::kGone);
  EXPECT_EQ(finding.owner->source, "DMA mapping");
  EXPECT_THAT(finding.summary, HasSubstr("last used by qemu-system-x86 (PID 4711)"));
}

TEST(Ids, AreAllDifferent) {
  TestHost host;
  constexpr int kVms = 600;
  for (int i = 0; i < kVms; ++i) {
    const auto vm = host.vm(1000 + i);
    host.unexplained(vm.kvm, "users_count", 1);
    host.dies(1000 + i);
  }
  std::set<std::string> ids;
  for (const auto& finding : audit(settled(host.book())).findings) ids.insert(finding.id);
  EXPECT_EQ(ids.size(), kVms);
}

TEST(Owner, OfAnExitingProcessHasItsDomain) {
  TestHost host;
  host.vm(4711);
  host.exits(4711);
  const auto finding = only_finding(host);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "gpu-4711");
  EXPECT_EQ(finding.owner->uuid, "5b1e0c2a-4711");
  EXPECT_EQ(finding.owner->source, "command line");
}

TEST(Owner, IsNotAProcessThatGotItsPid) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.fd(host.process(900, "backup"), vm.vm_file);
  host.dies(4711);
  auto& other = host.facts<ProcessFacts>(host.process(4711, "bash"));
  other.mm = "mm:other";
  host.drop("process:4711", "mm:4711");
  const auto finding = only_finding(host);
  ASSERT_TRUE(finding.owner);
  EXPECT_NE(finding.owner->name, "bash");
  EXPECT_EQ(finding.owner->pid, 4711);
}

TEST(Owner, IsNamedAfterItsDmaMappingRatherThanTheVmsLabel) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.hide(vm.device_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "qemu-system-x86");
  EXPECT_EQ(finding.owner->source, "DMA mapping");
}

TEST(Chains, AreBounded) {
  TestHost host;
  const auto vm = host.vm(4711);
  for (int i = 0; i < 300; ++i) host.fd(host.process(900 + i, "worker"), vm.vm_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.holders.size(), 32U);
}

TEST(Chains, EndInLoops) {
  TestHost host;  // two sockets in flight in each other
  const auto vm = host.vm(4711);
  const auto a = host.file("socket", "socket:[1]");
  const auto b = host.file("socket", "socket:[2]");
  host.hold(a, b, "file/in-flight");
  host.hold(b, a, "file/in-flight");
  host.hold(a, vm.vm_file, "file/in-flight");
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_EQ(finding.object.kind, "kvm");
}

TEST(Report, CarriesWhatTheSnapshotSays) {
  TestHost host;
  host.vm(4711);
  host.loses("files: buffer full", {NodeKind::kOpenFile});
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(report.host.hostname, "host");
  EXPECT_EQ(report.coverage.tier, Tier::kSnapshot);
  EXPECT_EQ(report.time, "2026-01-01T00:00:10Z");
  EXPECT_EQ(report.files_walked, 100U);
  EXPECT_EQ(report.mappings_walked, 10U);
  ASSERT_EQ(report.losses.size(), 1U);
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  EXPECT_EQ(report.vms_fine, 1);
}

TEST(Wording, OfSizes) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(1023), "1023 bytes");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(64ULL << 30), "64 GiB");
  EXPECT_EQ(bytes_text(3ULL << 50), "3072 TiB");
}

TEST(Wording, OfTimes) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1'709'164'799'999'999'999), "2024-02-28T23:59:59Z");
}

TEST(Wording, OfCounts) {
  EXPECT_EQ(count_text(1, "reference"), "1 reference");
  EXPECT_EQ(count_text(2, "reference"), "2 references");
}

}  // namespace
}  // namespace vmleak
