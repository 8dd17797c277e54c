// SPDX-License-Identifier: Apache-2.0
// Devices that stay, each with its clean twin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::chain_ends;
using ::testing::ElementsAre;
using testing::evidence;
using testing::has_consequence;
using ::testing::HasSubstr;
using testing::Machine;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

void expect_clean(TestHost& host) {
  const auto book = host.book();
  const auto report = audit(settled(book));
  EXPECT_EQ(report.verdict, Verdict::kClean);
  for (const auto& finding : report.findings) ADD_FAILURE() << finding.rule << finding.summary;
  EXPECT_FALSE(has_suspects(settled(book)));
}

class Device : public ::testing::Test {
 protected:
  TestHost host;
  Machine vm = host.vm_with_device(4711, 42);
};

TEST_F(Device, InUseIsClean) { expect_clean(host); }

TEST_F(Device, GivenBackIsClean) {
  host.dies(4711);
  expect_clean(host);
}

TEST_F(Device, ParkedOnVfioPciIsClean) {
  host.idle_device(43, "0000:8b:00.0");
  expect_clean(host);
}

TEST_F(Device, WhoseFileAnotherProcessHasIsHeld) {
  host.fd(host.process(900, "thief"), vm.device_file, "fd 3");
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "vfio_device");
  EXPECT_EQ(finding.object.id, "0000:8a:00.0");
  EXPECT_THAT(chain_ends(finding), ElementsAre("thief"));
  for (const auto& id : {vm.group, vm.container, vm.kvm}) {
    EXPECT_TRUE(has_consequence(finding, id)) << id;
  }
  EXPECT_THAT(finding.impact.text, HasSubstr("open /dev/vfio/42: Device or resource busy"));
  EXPECT_THAT(evidence(finding, "vfio_dma"), HasSubstr("4711 mapped 2 GiB for DMA and has exited"));
  EXPECT_EQ(finding.impact.bytes, 2ULL << 30);
}

TEST_F(Device, HeldOnlyByABarMappingIsHeld) {
  host.process(900, "gdb");
  host.hold("mm:900", vm.device_file, "file/mapping", 1, "mapping of 16 MiB");
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "vfio_device");
  ASSERT_EQ(finding.holders.size(), 1U);
  ASSERT_EQ(finding.holders[0].chain.size(), 3U);
  EXPECT_EQ(finding.holders[0].chain[0].kind, "open_file");
  EXPECT_EQ(finding.holders[0].chain[1].kind, "mm");
  EXPECT_EQ(finding.holders[0].chain[2].pid, 900);
}

TEST_F(Device, WithAKernelReferenceOnItsFileIsLeaked) {
  host.hide(vm.device_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.id, "0000:8a:00.0");
  EXPECT_TRUE(has_consequence(finding, vm.group));
  EXPECT_THAT(finding.impact.text, HasSubstr("open /dev/vfio/42: Device or resource busy"));
  ASSERT_EQ(finding.remedies.size(), 1U);
  EXPECT_THAT(finding.remedies[0].name, HasSubstr("reboot"));
  EXPECT_TRUE(finding.remedies[0].command.empty());
}

TEST_F(Device, WithAReferenceOfItsOwnIsLeaked) {
  host.unexplained(vm.device, "refcount", 1);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "vfio_device");
  EXPECT_TRUE(finding.consequences.empty());
}

TEST_F(Device, WithAKernelReferenceOnItsGroupsFileIsALeakedGroup) {
  host.unexplained(vm.group_file, "f_count", 1);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "vfio_group");
  EXPECT_EQ(finding.object.id, "42");
  EXPECT_THAT(finding.impact.devices, ElementsAre("0000:8a:00.0"));
  EXPECT_THAT(finding.summary, HasSubstr("1 reference to its file /dev/vfio/42 that nobody holds"));
  ASSERT_EQ(finding.remedies.size(), 1U);
  EXPECT_EQ(finding.remedies[0].risk, "medium");
  EXPECT_EQ(finding.remedies[0].command, "vmleak release 0000:8a:00.0");
  // The file's equation stands beside the group's.
  EXPECT_TRUE(std::any_of(finding.counters.begin(), finding.counters.end(), [](const auto& c) {
    return c.object.kind == "open_file" && c.name == "f_count" && c.unaccounted == 1;
  }));
}

TEST_F(Device, WithKernelReferencesOnVmAndVcpuFilesIsALeakedVm) {
  host.hide(vm.vm_file);
  host.hide(vm.vcpu_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "kvm");
  const auto classes = evidence(finding, "classes");
  EXPECT_THAT(classes, HasSubstr("kvm/vm-file"));
  EXPECT_THAT(classes, HasSubstr("kvm/vcpu-file"));
}

TEST_F(Device, WhoseContainerIsKeptNamesTheContainer) {
  host.fd(host.process(900, "thief"), vm.container_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "vfio_container");
  EXPECT_TRUE(finding.consequences.empty());
}

TEST_F(Device, InheritedByAChildIsOneFinding) {
  const auto child = host.process(900, "hook");
  for (const auto& file : {vm.vm_file, vm.vcpu_file, vm.kvm_vfio_file, vm.container_file,
                           vm.group_file, vm.device_file}) {
    host.fd(child, file);
  }
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "vfio_device");
  EXPECT_TRUE(has_consequence(finding, vm.kvm));
}

TEST_F(Device, KeptThroughALeftoverKvmVfioFile) {
  host.fd(host.process(900, "thief"), vm.kvm_vfio_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "kvm");
  EXPECT_TRUE(has_consequence(finding, vm.group));
}

TEST_F(Device, OfADpdkProcessIsClean) {
  host.facts<VfioGroupFacts>(vm.group).kvm.clear();
  host.facts<VfioDeviceFacts>(vm.device).kvm.clear();
  host.facts<VfioContainerFacts>(vm.container).dma_users.clear();
  expect_clean(host);
}

TEST_F(Device, AGroupThatAProcessOpenedAndForgotIsHeld) {
  const auto idle = host.idle_device(43, "0000:8b:00.0");
  const auto file = host.file("vfio/group-file", "/dev/vfio/43");
  host.hold(file, idle.group, "vfio-group/file");
  host.facts<VfioGroupFacts>(idle.group).open_file = file;
  host.fd(host.process(900, "sleep"), file);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.id, "43");
  EXPECT_THAT(finding.impact.devices, ElementsAre("0000:8b:00.0"));
}

}  // namespace
}  // namespace vmleak
