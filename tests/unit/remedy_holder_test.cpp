// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_fixture.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vmleak::testing::Machine;
using vmleak::testing::PlanTest;
using vmleak::testing::TestHost;

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
  ASSERT_EQ(it.expected.size(), 1U);
  EXPECT_EQ(it.expected[0].driver, "") << "libvirt may take it back to its driver meanwhile";
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

}  // namespace
}  // namespace vmleak
