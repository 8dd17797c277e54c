// SPDX-License-Identifier: Apache-2.0
// A big host: 1,000 VMs with a device each.
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::Machine;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

constexpr int kVms = 1000;

std::vector<Machine> fill(TestHost& host) {
  std::vector<Machine> machines;
  machines.reserve(kVms);
  for (int i = 0; i < kVms; ++i) {
    machines.push_back(host.vm_with_device(10'000 + i, i, std::to_string(i) + ":00.0"));
  }
  return machines;
}

TEST(BigHost, IsClean) {
  TestHost host;
  fill(host);
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(report.verdict, Verdict::kClean);
  EXPECT_EQ(report.vms_fine, kVms);
}

TEST(BigHost, ShowsItsOneLeak) {
  TestHost host;
  const auto machines = fill(host);
  host.unexplained(machines[500].group_file, "f_count", 1);
  host.dies(machines[500].pid);
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(only_finding(report).object.id, "500");
  EXPECT_EQ(report.vms_fine, kVms - 1);
}

TEST(BigHost, OfWhichOneProcessKeepsEveryVmIsOneFinding) {
  TestHost host;
  const auto agent = host.process(900, "agent");
  for (const auto& machine : fill(host)) {
    host.fd(agent, machine.device_file);
    host.exits(machine.pid);
  }
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.impact.devices.size(), static_cast<std::size_t>(kVms));
}

}  // namespace
}  // namespace vmleak
