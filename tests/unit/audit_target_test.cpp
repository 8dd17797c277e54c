// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/target.h"
#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::Machine;
using ::testing::Not;
using testing::settled;
using testing::TestHost;
using ::testing::UnorderedElementsAre;

class Target : public ::testing::Test {
 protected:
  std::vector<NodeId> resolve(const std::string& target) {
    snapshot = settled(host.book());
    report = audit(snapshot);
    auto found = resolve_target(snapshot, report, target);
    return found ? *found : std::vector<NodeId>{"error: " + found.error().message};
  }

  TestHost host;
  Machine vm = host.vm_with_device(4711, 42);
  Machine other = host.vm(4712);
  Snapshot snapshot;
  AuditReport report;
};

TEST_F(Target, IsANodeId) { EXPECT_THAT(resolve("vfio_group:42"), ElementsAre(vm.group)); }

TEST_F(Target, IsAPciAddressWithOrWithoutDomain) {
  const auto all = UnorderedElementsAre(vm.device, vm.group, vm.iommu_group);
  EXPECT_THAT(resolve("0000:8a:00.0"), all);
  EXPECT_THAT(resolve("8a:00.0"), all);
  EXPECT_THAT(resolve("8a:00.1"), ElementsAre(HasSubstr("error: find \"8a:00.1\"")));
}

TEST_F(Target, IsAPciAddressOfADeviceThatVfioDoesNotHave) {
  host.facts<IommuGroupFacts>(vm.iommu_group)
      .members.push_back({"0000:8a:00.1", "audio", "snd_hda_intel", false});
  EXPECT_THAT(resolve("8a:00.1"), ElementsAre(vm.iommu_group));
}

TEST_F(Target, IsAVfioNode) {
  EXPECT_THAT(resolve("/dev/vfio/42"), ElementsAre(vm.group));
  EXPECT_THAT(resolve("/dev/vfio/43"), ElementsAre(HasSubstr("error:")));
}

TEST_F(Target, IsAVmAsDebugfsNamesIt) {
  EXPECT_THAT(resolve("4711-11"), ElementsAre(vm.kvm));
  EXPECT_THAT(resolve("kvm-4712"), ElementsAre(other.kvm));
}

TEST_F(Target, IsADomainByNameOrUuid) {
  for (const auto* name : {"gpu-4711", "5b1e0c2a-4711"}) {
    const auto found = resolve(name);
    EXPECT_THAT(found, IsSupersetOf({vm.process, vm.kvm, vm.device, vm.group, vm.container}));
    EXPECT_THAT(found, Not(Contains(other.kvm)));
  }
}

TEST_F(Target, IsAPid) {
  EXPECT_THAT(resolve("4711"),
              IsSupersetOf({vm.process, vm.kvm, vm.device, vm.group, vm.container}));
  EXPECT_THAT(resolve("4712"), UnorderedElementsAre(other.process, other.kvm));
}

TEST_F(Target, IsThePidOfAHolder) {
  host.fd(host.process(900, "thief"), vm.group_file);
  const auto found = resolve("900");
  EXPECT_THAT(found, IsSupersetOf({NodeId("process:900"), vm.group}));
  EXPECT_THAT(found, Not(Contains(other.kvm)));
}

TEST_F(Target, IsThePidOfAProcessThatIsGone) {
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  EXPECT_THAT(resolve("4711"), IsSupersetOf({vm.kvm, vm.device, vm.group, vm.container}));
}

TEST_F(Target, IsADomainThatIsGone) {
  host.exits(4712);
  EXPECT_THAT(resolve("gpu-4712"), IsSupersetOf({other.kvm}));
}

TEST_F(Target, IsAFindingsId) {
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  resolve("x");
  ASSERT_EQ(report.findings.size(), 1U);
  const auto id = report.findings[0].id;  // resolve() makes a new report
  EXPECT_THAT(resolve(id), ElementsAre(vm.device));
}

TEST_F(Target, IsAPathOfADiskImage) {
  auto book = host.book();
  Node image;
  image.id = "file:8:1";
  image.kind = NodeKind::kFile;
  image.facts = FileFacts{"/images/a.qcow2", 8, 1, 0, false};
  book.nodes.push_back(image);
  const auto found = resolve_target(settled(book), {}, "/images/a.qcow2");
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre("file:8:1"));
}

TEST_F(Target, IsAModule) {
  host.modules();
  EXPECT_THAT(resolve("vfio"), ElementsAre("module:vfio"));
}

TEST_F(Target, ThatIsNothingSaysWhatWasSearched) {
  EXPECT_THAT(resolve("gpu-99"),
              ElementsAre(::testing::AllOf(HasSubstr("find \"gpu-99\""), HasSubstr("2 VMs"))));
  EXPECT_THAT(resolve(""), ElementsAre(HasSubstr("error:")));
  EXPECT_THAT(resolve("-1"), ElementsAre(HasSubstr("error:")));
  EXPECT_THAT(resolve("0"), ElementsAre(HasSubstr("error:")));
  EXPECT_THAT(resolve("99999999999999999999999"), ElementsAre(HasSubstr("error:")));
  EXPECT_FALSE(resolve_target(Snapshot{}, {}, "4711"));
}

TEST_F(Target, RestrictsTheReport) {
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  const auto third = host.vm(4713);
  host.unexplained(third.kvm, "users_count", 1);
  host.dies(4713);
  resolve("x");
  ASSERT_EQ(report.findings.size(), 2U);

  const auto device = restrict_to(report, snapshot, resolve("8a:00.0"));
  ASSERT_EQ(device.findings.size(), 1U);
  EXPECT_EQ(device.verdict, Verdict::kHeld);

  const auto by_consequence = restrict_to(report, snapshot, {vm.group});
  EXPECT_EQ(by_consequence.findings.size(), 1U);
  const auto by_holder = restrict_to(report, snapshot, {"process:900"});
  EXPECT_EQ(by_holder.findings.size(), 1U);

  const auto fine = restrict_to(report, snapshot, {other.kvm});
  EXPECT_TRUE(fine.findings.empty());
  EXPECT_EQ(fine.verdict, Verdict::kClean);
  EXPECT_EQ(fine.vms_fine, 1);
}

TEST_F(Target, RestrictsNoLosses) {
  host.loses("files: buffer full", {NodeKind::kOpenFile});
  resolve("x");
  const auto fine = restrict_to(report, snapshot, {other.kvm});
  EXPECT_EQ(fine.verdict, Verdict::kInconclusive);
  EXPECT_EQ(fine.losses.size(), 1U);
}

}  // namespace
}  // namespace vmleak
