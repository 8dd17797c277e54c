// SPDX-License-Identifier: Apache-2.0

// Processes that keep what a dead VM has left, and are ended for it.

#include <gtest/gtest.h>

#include <csignal>

#include "support/actors.h"
#include "support/audit.h"
#include "support/child_process.h"
#include "support/kvm_vm.h"
#include "support/process_files.h"
#include "support/release.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

class ReleaseHolder : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_DEVICE("/dev/kvm"); }

  // The id of the only finding, which is about a VM that somebody holds.
  static std::string held_vm() {
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "held"));
    const auto* finding = audit.find("kvm", "held");
    return finding == nullptr ? "" : finding->id();
  }
};

TEST_F(ReleaseHolder, IsNamedAndOnlyEndedOnRequest) {
  auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), vmm->value());
  vmm->kill();
  const auto id = held_vm();

  const auto plan = run_release(id, {"--yes"});
  EXPECT_EQ(plan.exit_code(), 5) << plan;
  EXPECT_TRUE(plan.mentions("holder " + std::to_string(holder->pid()))) << plan;
  EXPECT_TRUE(plan.leads_to("vmleak release " + id + " --action close-holder")) << plan;
  EXPECT_EQ(held_vm(), id) << "a refusal changes nothing";

  const auto done = run_release(id, {"--action", "close-holder", "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.outcome(), "released") << done;
  holder->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(ReleaseHolder, ThatDoesNotListenIsKilled) {
  auto vmm = cast_vmm();
  ChildProcess holder("holder", [&vmm](const Stage& stage) {
    std::signal(SIGTERM, SIG_IGN);
    const auto file = grab_fd(vmm->pid(), vmm->value());
    stage.pause(file.get());
  });
  vmm->kill();
  const auto done = run_release(held_vm(), {"--action", "close-holder", "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  holder.wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(ReleaseHolder, ThatServesALivingVmIsRefused) {
  auto vmm = cast_vmm();
  ChildProcess holder("holder", [&vmm](const Stage& stage) {
    const auto file = grab_fd(vmm->pid(), vmm->value());
    KvmVm own;
    own.add_vcpu();
    stage.pause(file.get());
  });
  vmm->kill();
  const auto refused = run_release(held_vm(), {"--action", "close-holder", "--yes"});
  EXPECT_EQ(refused.exit_code(), 5) << refused;
  EXPECT_TRUE(refused.is_blocked_by("which lives")) << refused;
  EXPECT_FALSE(holder.ends_within(std::chrono::seconds(0)));
  holder.kill();
}

}  // namespace
}  // namespace vmleak::scenarios
