// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Machine;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

class IommuGroup : public ::testing::Test {
 protected:
  void add_member(std::string_view address, std::string_view driver, bool managed) {
    host.facts<IommuGroupFacts>(idle.iommu_group)
        .members.push_back({std::string(address), "audio", std::string(driver), managed});
  }

  TestHost host;
  Machine idle = host.idle_device(42, "0000:8a:00.0");
};

TEST_F(IommuGroup, OfAnIdleDeviceIsClean) {
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kClean);
}

TEST_F(IommuGroup, WithAnUnexplainedReferenceIsLeaked) {
  host.unexplained(idle.iommu_group, "devices_kobj", 1);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.rule, "iommu-group-reference");
  EXPECT_EQ(finding.object.kind, "iommu_group");
  EXPECT_THAT(finding.summary, HasSubstr("IOMMU group 42 has 1 reference"));
}

TEST_F(IommuGroup, WithAMovingReferenceIsInconclusive) {
  const auto fine = host.book();
  host.unexplained(idle.iommu_group, "devices_kobj", 1);
  const auto busy = host.book();
  EXPECT_EQ(audit(samples({fine, busy, busy})).verdict, Verdict::kInconclusive);
  EXPECT_EQ(audit(samples({busy, busy, fine})).verdict, Verdict::kClean);
}

TEST_F(IommuGroup, ThatVfioHasNothingToDoWithIsOfNoInterest) {
  auto& facts = host.facts<IommuGroupFacts>(idle.iommu_group);
  facts.members[0].driver = "nvme";
  host.drop(idle.group, idle.iommu_group);
  host.unexplained(idle.iommu_group, "devices_kobj", 3);
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kClean);
  facts.members.clear();  // but one that outlives its devices is
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kLeaked);
}

TEST_F(IommuGroup, WithAMemberOnAHostDriverIsNotViable) {
  add_member("0000:8a:00.1", "snd_hda_intel", false);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.rule, "group-not-viable");
  EXPECT_EQ(finding.object.kind, "iommu_group");
  EXPECT_FALSE(finding.owner);
  EXPECT_THAT(finding.summary, HasSubstr("0000:8a:00.1 audio"));
  EXPECT_THAT(finding.summary, HasSubstr("snd_hda_intel"));
  EXPECT_THAT(finding.impact.devices, ElementsAre("0000:8a:00.0"));
  ASSERT_EQ(finding.remedies.size(), 1U);
  EXPECT_THAT(finding.remedies[0].name, HasSubstr("bind 0000:8a:00.1 to vfio-pci"));
}

TEST_F(IommuGroup, WithHarmlessNeighboursIsViable) {
  add_member("0000:8a:00.1", "vfio-pci", true);
  add_member("0000:8a:00.2", "", false);
  add_member("0000:00:01.0", "pcieport", true);
  add_member("0000:8a:00.3", "mlx5_vfio_pci", false);
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kClean);
}

TEST_F(IommuGroup, WhollyOnHostDriversIsOfNoInterest) {
  auto& facts = host.facts<IommuGroupFacts>(idle.iommu_group);
  facts.members[0].driver = "nvidia";
  facts.members[0].driver_managed_dma = false;
  add_member("0000:8a:00.1", "snd_hda_intel", false);
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kClean);
}

TEST_F(IommuGroup, WhoseDevicesAreBeingBoundIsNotSettled) {
  const auto before = host.book();
  add_member("0000:8a:00.1", "snd_hda_intel", false);
  const auto after = host.book();
  EXPECT_EQ(audit(samples({before, after, after})).verdict, Verdict::kInconclusive);
}

}  // namespace
}  // namespace vmleak
