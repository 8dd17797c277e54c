// SPDX-License-Identifier: Apache-2.0
#include "attach/attach_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::array kFirstSides{
    Side{"take",
         {Alternative{{"fexit__a_open"}}, Alternative{{"kprobe__a_open", "kretprobe__a_open"}}}},
    Side{"drop",
         {Alternative{{"fentry__a_close", "fexit__a_close"}}, Alternative{{"kprobe__a_close"}}}}};
constexpr std::array kSecondSides{
    Side{"take", {Alternative{{"fexit__a_open"}}, Alternative{{"kprobe__a_open"}}}},
    Side{"drop", {Alternative{{"fexit__b_close"}}}}};
constexpr std::array kFamilies = std::to_array<LedgerFamily>({
    {"ledger/first", "a_close", kFirstSides, {}, "first is lost"},
    {"ledger/second", "b_close", kSecondSides, {}, "second is lost"},
});

AttachSupport everything() {
  AttachSupport support;
  for (const auto* name : {"a_open", "a_close", "b_close"})
    support.functions[name] = {"kvm", true, 1};
  return support;
}

AttachPlan plan(const AttachSupport& support, std::size_t max_trampolines = kMaxTrampolines) {
  return plan_attach(kFamilies, support, max_trampolines);
}

const Family& row(const AttachPlan& plan, std::string_view name) {
  const auto found = std::find_if(plan.rows.begin(), plan.rows.end(),
                                  [name](const Family& row) { return row.name == name; });
  static const Family kNone;
  EXPECT_NE(found, plan.rows.end()) << name;
  return found == plan.rows.end() ? kNone : *found;
}

TEST(AttachPlan, TakesTheBestOfEachSideAndSharedProgramsOnce) {
  const auto made = plan(everything());
  EXPECT_THAT(made.programs,
              ElementsAre("fexit__a_open", "fentry__a_close", "fexit__a_close", "fexit__b_close"));
  EXPECT_EQ(made.trampolines, 3U);
  ASSERT_EQ(made.attach.size(), 2U);
  EXPECT_THAT(made.attach[1].programs, ElementsAre("fexit__a_open", "fexit__b_close"));
  EXPECT_EQ(row(made, "ledger/first").state, FamilyState::kAttached);
  EXPECT_EQ(row(made, "ledger/first").program, "fentry, fexit");
  EXPECT_EQ(row(made, "ledger/first").lost_without, "first is lost");
  EXPECT_EQ(ledger_tier(made.rows), Tier::kFull);
}

TEST(AttachPlan, FallsBackToKprobesWhereFentryIsRefused) {
  auto support = everything();
  support.refused_kinds["fentry"] = "Operation not permitted";
  const auto made = plan(support);
  EXPECT_THAT(made.programs, ElementsAre("kprobe__a_open", "kretprobe__a_open", "kprobe__a_close"));
  EXPECT_EQ(made.trampolines, 0U);
  EXPECT_EQ(row(made, "ledger/first").program, "kprobe, kretprobe");
  EXPECT_EQ(row(made, "ledger/second").state, FamilyState::kMissing);
  EXPECT_EQ(row(made, "ledger/second").lost_without,
            "second is lost (drop: fentry: Operation not permitted)");
  EXPECT_EQ(ledger_tier(made.rows), Tier::kKprobe);
}

TEST(AttachPlan, BothProgramsOfAnAlternativeOrNone) {
  auto support = everything();
  support.refused_programs["fexit__a_close"] = "R1 invalid mem access";
  const auto made = plan(support);
  EXPECT_THAT(made.attach[0].programs, ElementsAre("fexit__a_open", "kprobe__a_close"));
  EXPECT_EQ(row(made, "ledger/first").program, "fexit, kprobe");
  EXPECT_EQ(ledger_tier(made.rows), Tier::kKprobe) << "one kprobe may have missed calls";
}

TEST(AttachPlan, AFamilyAttachesWholeOrNotAtAll) {
  auto support = everything();
  support.refused_programs["fexit__a_close"] = "R1 invalid mem access";
  support.refused_kinds["kprobe"] = "Function not implemented";
  const auto made = plan(support);
  EXPECT_EQ(row(made, "ledger/first").state, FamilyState::kMissing);
  EXPECT_THAT(row(made, "ledger/first").lost_without, HasSubstr("R1 invalid mem access"));
  EXPECT_THAT(row(made, "ledger/first").lost_without, HasSubstr("Function not implemented"));
  EXPECT_THAT(made.programs, ElementsAre("fexit__a_open", "fexit__b_close"))
      << "the other family needs the shared one";
}

TEST(AttachPlan, APartThatTheKernelLacksIsNoLoss) {
  auto support = everything();
  support.functions.erase("b_close");
  const auto made = plan(support);
  ASSERT_EQ(made.rows.size(), 1U);
  EXPECT_EQ(made.rows[0].name, "ledger/first");
}

TEST(AttachPlan, AFunctionThatWasInlinedIsALoss) {
  auto support = everything();
  support.functions.erase("a_open");
  const auto made = plan(support);
  EXPECT_THAT(made.programs, IsEmpty());
  EXPECT_EQ(row(made, "ledger/second").lost_without, "second is lost (take: no function a_open)");
  EXPECT_EQ(ledger_tier(made.rows), Tier::kSnapshot);
}

TEST(AttachPlan, WithoutTypesThereIsOnlyAKprobe) {
  auto support = everything();
  support.functions["a_close"].has_types = false;
  EXPECT_EQ(row(plan(support), "ledger/first").program, "fexit, kprobe");
}

TEST(AttachPlan, ANameThatTwoFunctionsHaveIsNotHooked) {
  auto support = everything();
  support.functions["b_close"].symbols = 2;
  EXPECT_EQ(row(plan(support), "ledger/second").lost_without,
            "second is lost (drop: 2 functions are called b_close)");
}

TEST(AttachPlan, WhatIsSwitchedOffIsOffAndKindsFallBack) {
  auto support = everything();
  support.without = {"ledger/second", "fentry"};
  const auto made = plan(support);
  EXPECT_EQ(row(made, "ledger/second").state, FamilyState::kOff);
  EXPECT_EQ(row(made, "ledger/first").program, "kprobe, kretprobe");
  support.without = {"fentry", "kprobe"};
  EXPECT_THAT(row(plan(support), "ledger/first").lost_without,
              HasSubstr("fentry is switched off; kprobe is switched off"));
}

TEST(AttachPlan, TheLastFamiliesGiveWayToTheBound) {
  const auto made = plan(everything(), 2);
  EXPECT_EQ(row(made, "ledger/first").state, FamilyState::kAttached);
  EXPECT_EQ(row(made, "ledger/second").state, FamilyState::kMissing);
  EXPECT_EQ(row(made, "ledger/second").lost_without, "second is lost (more than 2 trampolines)");
  EXPECT_EQ(made.trampolines, 2U);
}

TEST(AttachPlan, AKprobeNeedsNoTrampoline) {
  auto support = everything();
  support.without = {"fentry"};
  EXPECT_EQ(row(plan(support, 0), "ledger/first").state, FamilyState::kAttached);
}

TEST(AttachPlan, WhatRunsIsNotLoadedAgainButCounts) {
  auto support = everything();
  support.running = {"fexit__a_open", "fentry__a_close", "fexit__a_close"};
  auto made = plan(support);
  EXPECT_THAT(made.programs, ElementsAre("fexit__b_close"));
  EXPECT_EQ(made.trampolines, 3U);
  EXPECT_EQ(row(plan(support, 2), "ledger/second").state, FamilyState::kMissing);
  EXPECT_EQ(row(plan(support, 2), "ledger/first").state, FamilyState::kAttached);
}

TEST(AttachPlan, AFamilyThatFailedIsMissingWithTheReason) {
  auto support = everything();
  support.failed_families["ledger/first"] = "attach fentry__a_close: Device or resource busy";
  const auto made = plan(support);
  EXPECT_EQ(row(made, "ledger/first").lost_without,
            "first is lost (attach fentry__a_close: Device or resource busy)");
  EXPECT_THAT(made.programs, ElementsAre("fexit__a_open", "fexit__b_close"));
}

// The table itself.

AttachSupport whole_kernel() {
  AttachSupport support;
  for (const auto& name : ledger_functions()) support.functions[name] = {"m", true, 1};
  support.files = true;
  return support;
}

TEST(LedgerFamilies, AKernelWithEverythingStaysWithinTheBound) {
  const auto made = plan_attach(ledger_families(), whole_kernel());
  for (const auto& row : made.rows) {
    const bool off = row.name == kDmaFamily;
    EXPECT_EQ(row.state, off ? FamilyState::kOff : FamilyState::kAttached) << row.name;
  }
  EXPECT_LE(made.trampolines, kMaxTrampolines);
  EXPECT_THAT(made.programs, Not(::testing::Contains("fexit__vfio_unregister_group_dev")));
}

TEST(LedgerFamilies, RowsSayWhichClassesTheyMake) {
  const auto made = plan_attach(ledger_families(), whole_kernel());
  EXPECT_THAT(row(made, "ledger/irqfd").classes, ElementsAre("eventfd/irqfd"));
  EXPECT_THAT(row(made, "ledger/outside").classes, IsEmpty());
}

TEST(LedgerFamilies, FilesAndDmaHaveToBeAskedFor) {
  auto support = whole_kernel();
  support.files = false;
  EXPECT_EQ(row(plan_attach(ledger_families(), support), kFilesFamily).state, FamilyState::kOff);
}

TEST(LedgerFamilies, EachHasAKprobeForEverySide) {
  auto support = whole_kernel();
  support.without = {"fentry"};
  support.dma = true;
  const auto made = plan_attach(ledger_families(), support);
  EXPECT_EQ(made.attach.size(), ledger_families().size());
  EXPECT_EQ(made.trampolines, 0U);
}

TEST(LedgerFamilies, BeforeLinux6_2GroupsAreAssigned) {
  auto support = whole_kernel();
  support.functions.erase("vfio_group_use_container");
  support.functions.erase("vfio_group_unuse_container");
  const auto made = plan_attach(ledger_families(), support);
  EXPECT_THAT(made.programs, ::testing::Contains("fexit__vfio_device_assign_container"));
  EXPECT_EQ(row(made, "ledger/vfio-device-open").state, FamilyState::kAttached);
}

TEST(LedgerFamilies, NamesTellTheFunction) {
  EXPECT_EQ(program_target("fexit__kvm_destroy_vm").kind, "fexit");
  EXPECT_EQ(program_target("fexit__kvm_destroy_vm").function, "kvm_destroy_vm");
  EXPECT_EQ(program_target("kretprobe__anon_inode_getfile").function, "__anon_inode_getfile");
  EXPECT_EQ(program_target("fentry__fput").function, "__fput");
}

}  // namespace
}  // namespace vmleak
