// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/arm_report.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

LedgerStatus status() {
  LedgerStatus status;
  status.armed_since = "2026-11-25T13:38:29Z";
  status.version = 1;
  status.vmleak = "0.1.0";
  status.capacity = 65536;
  status.entries = 1234;
  status.preexisting = 12;
  status.memory_bytes = 44 << 20;
  status.tier = Tier::kFull;
  status.families = {
      {"ledger/kvm-files", FamilyState::kAttached, "fentry, fexit", "lost", {"kvm/vm-file"}},
      {"ledger/irqfd", FamilyState::kMissing, "", "irqfds (no function kvm_irqfd)", {"x"}}};
  status.kept_modules = {"kvm", "vfio"};
  return status;
}

TEST(ArmText, SaysWhatIsArmedAndWhatItMayCost) {
  ArmOutcome outcome;
  outcome.seconds = 0.42;
  const auto text = arm_text(status(), outcome, {});
  EXPECT_THAT(text, HasSubstr("Armed in 0.4 s."));
  EXPECT_THAT(text, HasSubstr("1,234 of at most 65,536; 12 from before it was armed\n"));
  EXPECT_THAT(text, HasSubstr("at most 44 MiB\n"));
  EXPECT_THAT(text, HasSubstr("kvm, vfio can't be unloaded while it is armed\n"));
  EXPECT_THAT(text, HasSubstr("missing    ledger/irqfd"));
  EXPECT_THAT(text, HasSubstr("lost: irqfds (no function kvm_irqfd)\n"));
  EXPECT_THAT(text, Not(HasSubstr("lost: lost")));
  EXPECT_THAT(text, Not(HasSubstr("Warning")));
}

TEST(ArmText, SaysWhatASecondArmDid) {
  const auto again = [](ArmOutcome::Action action, std::vector<std::string> added) {
    ArmOutcome outcome;
    outcome.action = action;
    outcome.added = std::move(added);
    return arm_text(status(), outcome, {});
  };
  EXPECT_THAT(again(ArmOutcome::Action::kUnchanged, {}),
              HasSubstr("Armed already, since 2026-11-25T13:38:29Z; nothing to add.\n"));
  EXPECT_THAT(again(ArmOutcome::Action::kExtended, {"ledger/vhost-mm", "ledger/removal"}),
              HasSubstr("by ledger/vhost-mm, ledger/removal.\n"));
  EXPECT_THAT(again(ArmOutcome::Action::kReplaced, {}), HasSubstr("Armed anew"));
  EXPECT_THAT(arm_text(status(), std::nullopt, {}), HasSubstr("Armed since 2026-11-25T13:38:29Z."));
}

TEST(ArmText, SaysWhatWasLostAndWhatToBewareOf) {
  auto told = status();
  told.tier = Tier::kKprobe;
  told.losses = {{"the ledger was full", 3, {}, true}};
  told.warnings = {"CPUs 2-3 run without a tick"};
  told.forgotten = 2;
  const auto text = arm_text(told, std::nullopt, {});
  EXPECT_THAT(text, HasSubstr("kprobe: names who took a reference, decides no verdict"));
  EXPECT_THAT(text, HasSubstr("the ledger was full (3)"));
  EXPECT_THAT(text, HasSubstr("CPUs 2-3 run without a tick"));
  EXPECT_THAT(text, HasSubstr("2 forgotten"));
}

TEST(ArmText, SaysWhenThereIsNothingToHookYet) {
  auto empty = status();
  empty.families = {{"ledger/files", FamilyState::kOff, "", "closes", {}}};
  EXPECT_THAT(arm_text(empty, std::nullopt, {}), HasSubstr("arm again"));
}

TEST(ArmJson, HasTheCoverageOfAnAudit) {
  ArmOutcome outcome;
  outcome.action = ArmOutcome::Action::kExtended;
  outcome.added = {"ledger/vhost-mm"};
  outcome.seconds = 0.5;
  const auto document = json::parse(arm_json(status(), outcome));
  EXPECT_EQ(document["schema"], "vmleak.arm/1");
  EXPECT_EQ(document["armed"], true);
  EXPECT_EQ(document["action"], "extended");
  EXPECT_EQ(document["added"], json({"ledger/vhost-mm"}));
  EXPECT_EQ(document["ledger"]["entries"], 1234);
  EXPECT_EQ(document["ledger"]["memory_bytes"], 44 << 20);
  EXPECT_EQ(document["ledger"]["kept_modules"], json({"kvm", "vfio"}));
  EXPECT_EQ(document["coverage"]["tier"], "full");
  EXPECT_EQ(document["coverage"]["armed_since"], "2026-11-25T13:38:29Z");
  EXPECT_EQ(document["coverage"]["families"][1]["state"], "missing");
  EXPECT_EQ(document["losses"], json::array());
}

TEST(ArmJson, NothingArmedIsNull) {
  const auto document = json::parse(arm_json(std::nullopt, std::nullopt));
  EXPECT_EQ(document["armed"], false);
  EXPECT_TRUE(document["ledger"].is_null());
  EXPECT_TRUE(document["coverage"].is_null());
  EXPECT_FALSE(document.contains("action"));
}

TEST(Disarm, SaysWhatIsGone) {
  EXPECT_EQ(disarm_text({}), "Nothing was armed.\n");
  EXPECT_THAT(disarm_text({"fentry__x", "ledger"}), HasSubstr("2 programs and maps removed"));
  EXPECT_EQ(json::parse(disarm_json({"ledger"}))["removed"], json({"ledger"}));
}

}  // namespace
}  // namespace vmleak
