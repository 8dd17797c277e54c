// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_fixture.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vmleak::testing::gpu;
using vmleak::testing::IdlePlan;
using vmleak::testing::kAddress;
using vmleak::testing::PlanTest;
using vmleak::testing::TestHost;

TEST_F(IdlePlan, ADeviceLeftOnVfioIsReboundToItsDriver) {
  const auto it = plan();
  EXPECT_EQ(it.action, "rebind");
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  EXPECT_EQ(place(it, StepKind::kUnbind), 0);
  EXPECT_EQ(place(it, StepKind::kExpectDriver), 1);
  EXPECT_EQ(place(it, StepKind::kRemove), -1);
  ASSERT_EQ(it.expected.size(), 1U);
  EXPECT_TRUE(it.expected[0].native);
}

TEST_F(IdlePlan, TheIdIsTheSameWhileTheFactsAre) {
  const auto id = plan().id;
  EXPECT_EQ(plan().id, id);
  options_.action = "rebind";
  EXPECT_EQ(plan().id, id) << "how the risk was accepted is no fact";
  function().driver_override = "";
  EXPECT_NE(plan().id, id);
}

TEST_F(IdlePlan, AModuleIsOnlyLoadedWhenItsDriverHadTheDevice) {
  EXPECT_NE(place(plan(), StepKind::kLoadModule), -1);
  function().driver_messages.clear();
  EXPECT_EQ(place(plan(), StepKind::kLoadModule), -1);
}

TEST_F(IdlePlan, RefusesWhatTheHostNeeds) {
  function().host_uses = {{HostUseKind::kBlockDevice, "nvme0n1p2 is mounted on /"}};
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("mounted on /")));
  function().host_uses.clear();
  function().host_uses_known = false;
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("could not be found out")));
}

TEST_F(IdlePlan, WhatTheHostUsesADeviceOnItsDriverForIsSaid) {
  function().driver = "nvme";
  function().driver_override = "";
  EXPECT_THAT(plan().blocked_by, ElementsAre(HasSubstr("nothing to give back")));
  function().host_uses = {{HostUseKind::kBlockDevice, "nvme0n1p2 is mounted on /"}};
  EXPECT_THAT(plan().blocked_by, ElementsAre(HasSubstr("nothing to give back"),
                                             "0000:8a:00.0: nvme0n1p2 is mounted on /"));
}

TEST_F(IdlePlan, RefusesADeviceOfAnActiveDomain) {
  Domain domain;
  domain.name = "gpu-08";
  domain.active = true;
  domain.state = "running";
  domain.host_devices = {{std::string(kAddress), "", true}};
  snapshot_.management.domains = {domain};
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("gpu-08")));
}

TEST_F(IdlePlan, RefusesWhatIsParkedOnPurpose) {
  function().parking = {{"modprobe.d", "options vfio-pci ids=10de:20b0"}};
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("on purpose")));
}

TEST_F(IdlePlan, RefusesWithoutBooks) {
  snapshot_.coverage.tier = Tier::kProc;
  EXPECT_FALSE(plan().ready());
  snapshot_.coverage.tier = Tier::kSnapshot;
  snapshot_.samples.back().losses = {{"files: cut short", 1, {}}};
  EXPECT_FALSE(plan().ready());
}

TEST_F(IdlePlan, RefusesWhileATaskWaitsForThePciBus) {
  WaitingTask task;
  task.comm = "bash";
  task.wait = KernelWait::kPciRescanLock;
  task.device = "0000:01:00.0";
  snapshot_.samples.back().waiting_tasks = {task};
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("bash")));
}

TEST_F(IdlePlan, AResetIsOnlyDoneByName) {
  options_.action = "reset";
  const auto it = plan();
  EXPECT_TRUE(it.ready());
  EXPECT_EQ(place(it, StepKind::kReset), 0);
}

TEST_F(IdlePlan, TheWholeGroupGoesTogetherButNoBridge) {
  auto bridge = gpu("0000:80:01.0");
  bridge.class_code = 0x060400;
  bridge.driver = "pcieport";
  snapshot_.pci_functions = {gpu(), gpu("0000:8a:00.1"), bridge};
  EXPECT_THAT(plan().devices, ElementsAre("0000:8a:00.0", "0000:8a:00.1"));
}

TEST_F(IdlePlan, AnAcceptableRiskIsNotExceeded) {
  options_.max_risk = Risk::kLow;
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("--max-risk low")));
  options_.plan_id = plan().id;
  EXPECT_TRUE(plan().ready()) << "a plan that was seen is accepted with its risk";
}

TEST_F(PlanTest, AGroupFileLeakedInTheKernelIsCuredByRemoval) {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.group_file, "f_count", 1);
  host.dies(4711);
  walk(host);
  const auto it = plan();
  EXPECT_EQ(it.action, "remove-rescan");
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  EXPECT_EQ(it.steps[0].kind, StepKind::kUnbind);
  EXPECT_EQ(it.steps[1].kind, StepKind::kExpectDriver) << "no driver is verified before removal";
  EXPECT_EQ(it.steps[1].value, "");
  EXPECT_EQ(it.steps[2].kind, StepKind::kRemove);
  EXPECT_EQ(it.steps[3].kind, StepKind::kRescan);
  EXPECT_EQ(it.steps[3].address, "0000:80:01.0");
  EXPECT_EQ(it.steps[4].value, "10de:20b0");
  EXPECT_EQ(plan("/dev/vfio/42").id, it.id) << "the target is the same by another name";
}

TEST_F(PlanTest, AllAreUnboundBeforeOneIsRemoved) {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.group_file, "f_count", 1);
  host.dies(4711);
  snapshot_.pci_functions = {gpu(), gpu("0000:8a:00.1")};
  walk(host);
  const auto it = plan();
  int last_unbind = -1;
  for (int i = 0; i < static_cast<int>(it.steps.size()); ++i) {
    if (it.steps[static_cast<std::size_t>(i)].kind == StepKind::kUnbind) last_unbind = i;
  }
  EXPECT_LT(last_unbind, place(it, StepKind::kRemove));
}

TEST_F(PlanTest, ALeakedDeviceFileIsLeftAlone) {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.device_file, "f_count", 1);
  host.dies(4711);
  walk(host);
  const auto it = plan();
  EXPECT_EQ(it.action, "");
  EXPECT_THAT(it.steps, IsEmpty());
  EXPECT_THAT(it.blocked_by, ElementsAre(HasSubstr("only a reboot")));
  for (const auto* action : {"remove-rescan", "rebind", "reset"}) {
    options_.action = action;
    EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("open_count 1"))) << action;
  }
}

TEST_F(PlanTest, AnOverrideThatWasLeftIsTakenBack) {
  TestHost host;
  walk(host);
  function().driver = "nvidia";
  auto it = plan();
  EXPECT_EQ(it.action, "clear-override");
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  ASSERT_EQ(it.steps.size(), 1U);
  EXPECT_EQ(it.steps[0].kind, StepKind::kOverride);
  EXPECT_EQ(it.steps[0].value, "");
  ASSERT_EQ(it.expected.size(), 1U);
  EXPECT_EQ(it.expected[0].driver, "nvidia");
  snapshot_.coverage.tier = Tier::kProc;
  EXPECT_FALSE(plan().ready()) << "what can't be proved afterwards is not begun";
  snapshot_.coverage.tier = Tier::kSnapshot;
  function().parking = {{"driverctl", "/etc/driverctl.d/0000:8a:00.0"}};
  it = plan();
  EXPECT_EQ(it.action, "") << "somebody wants it so";
}

TEST_F(PlanTest, ALivingVmKeepsItsDevice) {
  TestHost host;
  host.vm_with_device(4711, 42);
  walk(host);
  EXPECT_THAT(plan().blocked_by, ElementsAre(HasSubstr("in use")));
  for (const auto& action : action_names()) {
    options_.action = action;
    EXPECT_FALSE(plan().ready()) << action;
  }
}

TEST_F(PlanTest, WhatAnInterruptedRunRemovedIsFoundAgain) {
  TestHost host;
  walk(host);
  snapshot_.pci_functions.clear();
  UnfinishedRun run;
  run.run = "r1";
  run.action = "remove-rescan";
  run.why = "cut";
  run.devices = {std::string(kAddress)};
  run.open_steps = {rescan_step(""), await_device_step(kAddress, 0x10de, 0x20b0)};
  options_.unfinished = {run};
  const auto it = plan("8a:00.0");
  EXPECT_EQ(it.action, "finish");
  EXPECT_EQ(it.finishes, "r1");
  EXPECT_THAT(it.summary, HasSubstr("remove-rescan of 1970-01-01T00:00:00Z, cut"));
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  EXPECT_EQ(it.steps.size(), 2U);
}

// Since the run was cut, somebody scanned the bus and started another VM.
TEST_F(PlanTest, AnInterruptedRunIsNotFinishedUnderALivingVm) {
  TestHost host;
  host.vm_with_device(4711, 42);
  walk(host);
  UnfinishedRun run;
  run.run = "r1";
  run.devices = {std::string(kAddress)};
  run.open_steps = {rescan_step(""), unbind_other_step(kAddress, "vfio-pci")};
  options_.unfinished = {run};
  const auto it = plan();
  EXPECT_EQ(it.action, "finish");
  EXPECT_THAT(it.blocked_by, Contains(HasSubstr("in use by")));
}

// Or the host itself uses it now.
TEST_F(PlanTest, AnInterruptedRunIsNotFinishedUnderTheHost) {
  TestHost host;
  walk(host);
  function().driver = "mlx5_core";
  function().host_uses = {{HostUseKind::kNetwork, "eth0 carries the default route"}};
  UnfinishedRun run;
  run.run = "r1";
  run.devices = {std::string(kAddress)};
  run.open_steps = {rescan_step(""), unbind_other_step(kAddress, "vfio-pci")};
  options_.unfinished = {run};
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("default route")));
}

}  // namespace
}  // namespace vmleak
