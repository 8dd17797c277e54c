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

}  // namespace
}  // namespace vmleak
