// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

Domain domain(const std::string& name, bool active, bool autostart) {
  Domain out;
  out.name = name;
  out.uuid = name + "-uuid";
  out.source = "libvirt";
  out.state = active ? "running" : "shut off";
  out.active = active;
  out.autostart = autostart;
  out.host_devices = {{"0000:8a:00.0", "", true}};
  return out;
}

AuditReport report(std::vector<Domain> domains) {
  TestHost host;
  auto snapshot = settled(host.book());
  snapshot.management.domains = std::move(domains);
  return audit(snapshot);
}

TEST(AssignedTwice, IsStaleWhenBothStartWithTheHost) {
  const auto finding = only_finding(report({domain("a", true, false), domain("b", false, true)}));
  EXPECT_EQ(finding.verdict, Verdict::kStale);
  EXPECT_EQ(finding.rule, "device-assigned-twice");
  EXPECT_THAT(finding.summary, HasSubstr("0000:8a:00.0 is defined in 2 domains"));
  EXPECT_THAT(finding.impact.text, HasSubstr("a, b"));
}

TEST(AssignedTwice, IsFineWhenSomebodyChoosesWhichOneRuns) {
  EXPECT_EQ(report({domain("a", false, false), domain("b", false, false)}).verdict,
            Verdict::kClean);
  EXPECT_EQ(report({domain("a", true, false), domain("b", false, false)}).verdict, Verdict::kClean);
}

TEST(AssignedTwice, IsNotADeviceThatOneDomainNamesTwice) {
  auto twice = domain("a", true, true);
  twice.host_devices.push_back(twice.host_devices.front());
  EXPECT_EQ(report({twice}).verdict, Verdict::kClean);
}

TEST(AssignedTwice, IsNotAMediatedDevice) {
  auto a = domain("a", true, false);
  auto b = domain("b", true, false);
  a.host_devices = {{"", "mdev-1", true}};
  b.host_devices = {{"", "mdev-2", true}};
  EXPECT_EQ(report({a, b}).verdict, Verdict::kClean);
}

}  // namespace
}  // namespace vmleak
