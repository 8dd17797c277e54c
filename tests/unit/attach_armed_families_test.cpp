// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/armed_families.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<ArmedFamily> armed() {
  return {{{"ledger/irqfd", FamilyState::kAttached, "kprobe, kretprobe", "lost", {"eventfd/irqfd"}},
           {"kprobe__kvm_irqfd", "kretprobe__kvm_irqfd", "kprobe__irqfd_shutdown"},
           {{"kvm_irqfd", {0x1000, "kvm"}}, {"irqfd_shutdown", {0x2000, "kvm"}}},
           {0x100, 0x200}},
          {{"ledger/removal", FamilyState::kAttached, "fentry", "lost too"},
           {"fentry__vfio_unregister_group_dev"},
           {{"vfio_unregister_group_dev", {0x3000, "vfio"}}},
           {}},
          {{"ledger/files", FamilyState::kOff, "", "files"}, {}, {}, {}}};
}

FunctionPlaces places() {
  return {{"kvm_irqfd", {0x1000, "kvm"}},
          {"irqfd_shutdown", {0x2000, "kvm"}},
          {"vfio_unregister_group_dev", {0x3000, "vfio"}}};
}

TEST(ArmedFamilies, AreReadBackAsTheyWereWritten) {
  const auto read = armed_families_from_text(armed_families_to_text(armed()));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].row.name, "ledger/irqfd");
  EXPECT_EQ((*read)[0].row.program, "kprobe, kretprobe");
  EXPECT_EQ((*read)[0].row.lost_without, "lost");
  EXPECT_THAT((*read)[0].row.classes, ElementsAre("eventfd/irqfd"));
  EXPECT_EQ((*read)[0].programs, armed()[0].programs);
  EXPECT_EQ((*read)[0].functions, armed()[0].functions);
  EXPECT_THAT((*read)[0].told, ElementsAre(0x100, 0x200));
  EXPECT_EQ((*read)[2].row.state, FamilyState::kOff);
}

TEST(ArmedFamilies, WhatIsNoneIsAnError) {
  for (const auto* text : {"", "{", "[1]", R"([{"name": "x"}])", R"([{"name": 1}])"}) {
    EXPECT_FALSE(armed_families_from_text(text)) << text;
  }
}

TEST(ArmedFamilies, AKprobeIsStaleWhenItsFunctionHasMovedOrGone) {
  auto families = armed();
  mark_stale(families, places());
  EXPECT_EQ(families[0].row.state, FamilyState::kAttached);

  auto moved = places();
  moved["irqfd_shutdown"].address = 0x9000;
  mark_stale(families, moved);
  EXPECT_EQ(families[0].row.state, FamilyState::kStale);
  EXPECT_THAT(families[0].row.lost_without, HasSubstr("irqfd_shutdown"));

  families = armed();
  moved = places();
  moved.erase("kvm_irqfd");
  mark_stale(families, moved);
  EXPECT_EQ(families[0].row.state, FamilyState::kStale);
}

TEST(ArmedFamilies, ATrampolineKeepsItsModule) {
  auto families = armed();
  mark_stale(families, {});
  EXPECT_EQ(families[1].row.state, FamilyState::kAttached);
  EXPECT_EQ(families[2].row.state, FamilyState::kOff);
  EXPECT_THAT(kept_modules(families), ElementsAre("vfio"));
  EXPECT_THAT(kept_modules({}), IsEmpty());
}

TEST(ArmedFamilies, OnlyAttachedOnesRun) {
  auto families = armed();
  mark_stale(families, {});
  EXPECT_THAT(running_programs(families), ElementsAre("fentry__vfio_unregister_group_dev"));
}

}  // namespace
}  // namespace vmleak
