// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/audit.h"
#include "book_fixture.h"
#include "remedy/plan.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vmleak::testing::Machine;
using vmleak::testing::settled;
using vmleak::testing::TestHost;

constexpr std::string_view kAddress = "0000:8a:00.0";

PciFunction gpu(std::string_view address = kAddress) {
  PciFunction function;
  function.address = address;
  function.class_code = 0x030200;
  function.vendor = 0x10de;
  function.device = 0x20b0;
  function.driver = "vfio-pci";
  function.driver_override = "vfio-pci";
  function.native_drivers = {"nvidia"};
  function.iommu_group = 42;
  function.upstream_bridge = "0000:80:01.0";
  function.reset_methods = {"flr", "bus"};
  function.driver_messages = {{"nvidia", 1, "probed"}};
  function.host_uses_known = true;
  return function;
}

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() { snapshot_.pci_functions = {gpu()}; }

  void walk(TestHost& host) {
    auto functions = std::move(snapshot_.pci_functions);
    snapshot_ = settled(host.book());
    snapshot_.coverage.tier = Tier::kSnapshot;
    snapshot_.pci_functions = std::move(functions);
  }
  Plan plan(const std::string& text = std::string(kAddress)) {
    const auto report = audit(snapshot_);
    const auto target = resolve_release_target(snapshot_, report, text, options_.unfinished);
    if (!target) {
      ADD_FAILURE() << target.error().message;
      return {};
    }
    return plan_release(snapshot_, report, *target, options_);
  }
  // Position of the first step of this kind, or -1.
  static int place(const Plan& plan, StepKind kind) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].kind == kind) return static_cast<int>(i);
    }
    return -1;
  }
  PciFunction& function() { return snapshot_.pci_functions.front(); }

  Snapshot snapshot_;
  PlanOptions options_;
};

class IdlePlan : public PlanTest {
 protected:
  IdlePlan() {
    TestHost host;
    host.idle_device(42, kAddress);
    walk(host);
  }
};

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

TEST_F(IdlePlan, AVirtualFunctionIsGivenBackWhileTheHostUsesItsPhysicalOne) {
  auto physical = gpu("0000:89:00.0");
  physical.driver = "ixgbe";
  physical.iommu_group = 41;
  physical.virtual_functions = {std::string(kAddress)};
  physical.host_uses = {{HostUseKind::kNetwork, "eth0 carries the default route"}};
  snapshot_.pci_functions.push_back(physical);
  function().physical_function = physical.address;
  EXPECT_TRUE(plan().ready()) << ::testing::PrintToString(plan().blocked_by);
  snapshot_.pci_functions.back().iommu_group = 42;
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("default route")));
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

class PhysicalPlan : public IdlePlan {
 protected:
  PhysicalPlan() {
    auto virtual_one = gpu("0000:8a:00.4");
    virtual_one.physical_function = kAddress;
    virtual_one.iommu_group = 43;
    virtual_one.driver = virtual_one.driver_override = "";
    function().virtual_functions = {virtual_one.address};
    snapshot_.pci_functions.push_back(virtual_one);
  }
  PciFunction& virtual_one() { return snapshot_.pci_functions.back(); }
};

TEST_F(PhysicalPlan, ItsVirtualFunctionsGoAndComeBackWithIt) {
  options_.action = "remove-rescan";
  const auto it = plan();
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  EXPECT_THAT(it.devices, ElementsAre(kAddress));
  EXPECT_EQ(it.steps.front().kind, StepKind::kVfCount);
  EXPECT_EQ(it.steps.front().value, "0");
  EXPECT_EQ(it.steps.back().kind, StepKind::kVfCount);
  EXPECT_EQ(it.steps.back().value, "1");
}

TEST_F(PhysicalPlan, VirtualFunctionsOnVfioComeBackThereByThemselves) {
  virtual_one().driver = virtual_one().driver_override = "vfio-pci";
  options_.action = "remove-rescan";
  const auto it = plan();
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  EXPECT_THAT(it.devices, ElementsAre(kAddress));
}

TEST_F(PhysicalPlan, IsRefusedWhenAVirtualFunctionWouldNotComeBack) {
  virtual_one().driver = "iavf";
  for (const auto* action : {"remove-rescan", "rebind", "reset"}) {
    options_.action = action;
    EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("virtual function"))) << action;
  }
}

TEST_F(PhysicalPlan, OnADriverOfTheHostItsVirtualFunctionsAreLeftAlone) {
  function().driver = "nvidia";
  function().driver_override = "";
  virtual_one().driver = virtual_one().driver_override = "vfio-pci";
  const auto it = plan();
  EXPECT_EQ(it.action, "");
  EXPECT_THAT(it.steps, IsEmpty());
}

TEST_F(PlanTest, APhysicalFunctionIsRefusedWhileAVmHasAVirtualOne) {
  TestHost host;
  host.idle_device(42, kAddress);
  host.vm_with_device(4711, 43, "0000:8a:00.4");
  auto virtual_one = gpu("0000:8a:00.4");
  virtual_one.physical_function = kAddress;
  virtual_one.iommu_group = 43;
  function().virtual_functions = {virtual_one.address};
  snapshot_.pci_functions.push_back(virtual_one);
  walk(host);
  for (const auto* action : {"remove-rescan", "rebind", "reset"}) {
    options_.action = action;
    EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("in use by"))) << action;
  }
}

TEST_F(PhysicalPlan, IsNotResetUnderVirtualFunctions) {
  options_.action = "reset";
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("virtual functions")));
}

TEST_F(IdlePlan, AVirtualFunctionIsReboundWithoutItsSiblings) {
  function().physical_function = "0000:8a:01.0";
  function().iommu_group = 42;
  auto sibling = gpu("0000:8a:00.1");
  sibling.physical_function = "0000:8a:01.0";
  sibling.iommu_group = 43;
  auto physical = gpu("0000:8a:01.0");
  physical.driver = "nvidia";
  physical.virtual_functions = {"0000:8a:00.0", "0000:8a:00.1"};
  physical.iommu_group = 44;
  snapshot_.pci_functions.push_back(sibling);
  snapshot_.pci_functions.push_back(physical);
  const auto it = plan();
  EXPECT_THAT(it.devices, ElementsAre("0000:8a:00.0"));
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
}

TEST_F(IdlePlan, AVirtualFunctionIsNotRemoved) {
  function().physical_function = "0000:8a:01.0";
  options_.action = "remove-rescan";
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("would not bring it back")));
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

class HeldPlan : public PlanTest {
 protected:
  HeldPlan() : machine_(host_.vm_with_device(4711, 42)) {
    holder_ = host_.process(5000, "backup");
    host_.facts<ProcessFacts>(holder_).start_time_ns = 77;
  }
  void hold(const NodeId& file) {
    host_.fd(holder_, file, "fd 9");
    host_.dies(4711);
    walk(host_);
  }
  TestHost host_;
  Machine machine_;
  NodeId holder_;
};

TEST_F(HeldPlan, AVisibleHolderIsNamedAndOnlyEndedOnRequest) {
  hold(machine_.device_file);
  auto it = plan();
  EXPECT_EQ(it.action, "close-holder");
  EXPECT_FALSE(it.ready());
  EXPECT_THAT(it.next, ElementsAre("vmleak release 0000:8a:00.0 --action close-holder"));
  options_.action = "close-holder";
  it = plan();
  EXPECT_TRUE(it.ready()) << ::testing::PrintToString(it.blocked_by);
  ASSERT_EQ(it.steps.size(), 4U);
  EXPECT_EQ(it.steps[0].pid, 5000);
  EXPECT_EQ(it.steps[0].start_time_ns, 77U);
  EXPECT_EQ(it.steps[0].value, "TERM");
  EXPECT_EQ(it.steps[2].value, "KILL");
}

TEST_F(HeldPlan, NothingIsRemovedUnderAHolder) {
  hold(machine_.group_file);
  EXPECT_EQ(plan().action, "close-holder");
  options_.action = "remove-rescan";
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("backup 5000")));
}

TEST_F(HeldPlan, AHolderThatServesALivingVmIsNotEnded) {
  const auto other = host_.vm(4800);
  host_.fd(holder_, other.vm_file, "fd 10");
  options_.action = "close-holder";
  hold(machine_.group_file);
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("domain gpu-4800, which lives")));
}

TEST_F(HeldPlan, AHolderThatCannotOrMustNotDieIsRefused) {
  options_.action = "close-holder";
  auto& facts = host_.facts<ProcessFacts>(holder_);
  facts.state = "D";
  hold(machine_.group_file);
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("state D")));
  host_.facts<ProcessFacts>(holder_).state = "S";
  options_.own_processes = {5000};
  walk(host_);
  EXPECT_THAT(plan().blocked_by, Contains(HasSubstr("vmleak runs in")));
}

TEST_F(HeldPlan, AServiceIsAHighRisk) {
  host_.facts<ProcessFacts>(holder_).unit = "backup.service";
  hold(machine_.group_file);
  EXPECT_EQ(plan().risk, Risk::kHigh);
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
  run.devices = {std::string(kAddress)};
  run.open_steps = {rescan_step(""), await_device_step(kAddress, 0x10de, 0x20b0)};
  options_.unfinished = {run};
  const auto it = plan("8a:00.0");
  EXPECT_EQ(it.action, "finish");
  EXPECT_EQ(it.finishes, "r1");
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
