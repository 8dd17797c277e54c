// SPDX-License-Identifier: Apache-2.0
// VMs that stay, each with its clean twin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::chain_ends;
using ::testing::ElementsAre;
using testing::evidence;
using testing::has_consequence;
using ::testing::HasSubstr;
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

TEST(AliveVm, WithSharedAndPassedDescriptorsIsClean) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.vm(4712);
  host.fd(vm.process, vm.vm_file, "fd 99");              // dup
  const auto child = host.process(4800, "qemu-helper");  // fork
  host.fd(child, vm.vm_file, "fd 11");
  const auto socket = host.file("socket", "socket:[1]");
  host.fd(vm.process, socket);
  host.hold(socket, vm.vcpu_file, "file/in-flight");  // passed
  host.in_syscall(vm.process, vm.vcpu_file);          // KVM_RUN
  expect_clean(host);
  const auto report = audit(settled(host.book()));
  EXPECT_EQ(report.vms_fine, 2);
  EXPECT_EQ(report.vms_releasing, 0);
}

TEST(AliveVm, WithAnUnexplainedReferenceIsNoLeakYet) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.unexplained(vm.vm_file, "f_count", 1);
  expect_clean(host);
}

TEST(AliveVm, ThatKeepsOnlyAVcpuMappingIsClean) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.drop(vm.process, vm.vm_file);
  host.drop(vm.process, vm.vcpu_file);
  expect_clean(host);
}

TEST(DeadVm, ThatNobodyKeepsLeavesNothing) {
  TestHost host;
  host.vm_with_device(4711, 42);
  host.dies(4711);
  expect_clean(host);
}

TEST(DeadVm, KeptByADescriptorElsewhereIsHeld) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto holder = host.process(900, "backup");
  host.facts<ProcessFacts>(holder).unit = "backup.service";
  host.fd(holder, vm.vm_file, "fd 5");
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "kvm");
  EXPECT_THAT(chain_ends(finding), ElementsAre("backup"));
  EXPECT_THAT(finding.summary, HasSubstr("backup 900 (unit backup.service) keeps VM 4711-11"));
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->pid, 4711);
  EXPECT_EQ(finding.owner->state, OwnerState::kGone);
  ASSERT_EQ(finding.remedies.size(), 2U);
  EXPECT_EQ(finding.remedies[1].command, "vmleak release " + finding.id + " --action close-holder");
  EXPECT_THAT(finding.remedies[0].name, HasSubstr("close it in backup 900"));
}

TEST(DeadVm, KeptByAFileInFlightIsHeldByTheSocketsOwner) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto inner = host.file("socket", "socket:[1]");
  const auto outer = host.file("socket", "socket:[2]");
  host.hold(inner, vm.vm_file, "file/in-flight");
  host.hold(outer, inner, "file/in-flight");  // a socket in flight itself
  host.fd(host.process(900, "receiver"), outer);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "kvm");
  ASSERT_EQ(finding.holders.size(), 1U);
  EXPECT_EQ(finding.holders[0].chain.size(), 4U);
  EXPECT_THAT(chain_ends(finding), ElementsAre("receiver"));
}

TEST(DeadVm, KeptByAnIoUringIsHeldByWhoUsesTheRing) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto owner = host.process(900, "ring");
  const auto file = host.file("io-uring/ring-file", "anon_inode:[io_uring]");
  host.fd(owner, file);
  host.hold(host.io_uring(file), vm.vm_file, "file/io-uring-fixed");
  host.dies(4711);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kHeld);
  host.drop(owner, file);
  host.hold(owner, file, "file/io-uring-registered");
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_THAT(chain_ends(finding), ElementsAre("ring"));
}

TEST(DeadVm, KeptByAVcpuMappingIsHeld) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.process(900, "child");
  host.hold("mm:900", vm.vcpu_file, "file/mapping", 1, "mapping of 12 KiB");
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "kvm");
  ASSERT_EQ(finding.holders.size(), 1U);
  ASSERT_EQ(finding.holders[0].chain.size(), 3U);
  EXPECT_EQ(finding.holders[0].chain[1].detail, "mapping of 12 KiB");
}

TEST(DeadVm, WithAKernelReferenceIsLeaked) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "kvm");
  ASSERT_EQ(finding.counters.size(), 1U);
  EXPECT_EQ(finding.counters[0].value, 1);
  EXPECT_EQ(finding.counters[0].unaccounted, 1);
  EXPECT_THAT(chain_ends(finding), ElementsAre("kernel"));
  EXPECT_EQ(audit(settled(host.book())).vms_fine, 0);
}

TEST(DeadVm, WithHiddenFilesIsLeakedWithTheClassesTheyMayBe) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.hide(vm.vcpu_file);
  host.fd(host.process(900, "backup"), vm.vm_file);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "kvm");
  EXPECT_THAT(chain_ends(finding), ElementsAre("backup", "kernel"));
  const auto classes = evidence(finding, "classes");
  EXPECT_THAT(classes, HasSubstr("kvm/vcpu-file"));
  EXPECT_THAT(classes, ::testing::Not(HasSubstr("kvm/vm-file")));  // there is one, and it was seen
}

TEST(DeadMm, KeptByVhostIsOneFindingWithAllItKeeps) {
  TestHost host;
  const auto vm = host.vm_with_device(8751, 17, "0000:5c:00.0");
  const auto vhost = host.file("vhost/net-file", "/dev/vhost-net");
  host.hold(vhost, vm.mm, "mm/vhost");
  host.fd(vm.process, vhost);
  const auto shim = host.process(8733, "containerd-shim");
  host.facts<ProcessFacts>(shim).pod = "web-1";
  host.fd(shim, vhost, "fd 18");
  host.dies(8751);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.object.kind, "mm");
  for (const auto& id : {vm.device, vm.group, vm.container, vm.kvm}) {
    EXPECT_TRUE(has_consequence(finding, id)) << id;
  }
  EXPECT_THAT(chain_ends(finding), ElementsAre("containerd-shim"));
  EXPECT_THAT(finding.summary, HasSubstr("containerd-shim 8733 (pod web-1)"));
  EXPECT_THAT(finding.summary, HasSubstr("/dev/vhost-net, fd 18"));
  EXPECT_THAT(finding.impact.devices, ElementsAre("0000:5c:00.0"));
  EXPECT_THAT(finding.impact.text, HasSubstr("open /dev/vfio/17: Device or resource busy"));
  EXPECT_EQ(finding.impact.bytes, 4ULL << 30);
}

TEST(DeadMm, WithAKernelReferenceIsLeaked) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.mm, "mm_users", 1);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kLeaked);
  EXPECT_EQ(finding.object.kind, "mm");
  EXPECT_TRUE(has_consequence(finding, vm.kvm));  // through the vCPU's mapping
}

TEST(LiveHolder, ItsOwnTransientReferencesAreNotTheCause) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.process(900, "child");
  host.hold("mm:900", vm.vcpu_file, "file/mapping");
  host.unexplained("mm:900", "mm_users", 1);  // somebody reads /proc/900/environ
  host.dies(4711);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kHeld);
}

TEST(LiveHolder, UnexplainedReferencesOfItsSocketAreNotTheCause) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto socket = host.file("socket", "socket:[1]");
  host.hold(socket, vm.vm_file, "file/in-flight");
  host.fd(host.process(900, "receiver"), socket);
  host.unexplained(socket, "f_count", 1);
  host.dies(4711);
  EXPECT_EQ(only_finding(host).verdict, Verdict::kHeld);
}

TEST(DiskImage, KeptOpenByTheSameHolderIsAConsequence) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto holder = host.process(900, "backup");
  host.fd(holder, vm.vm_file);
  const auto open = host.file("", "/images/a.qcow2");
  host.fd(holder, open);
  host.dies(4711);
  auto book = host.book();
  Node image;
  image.id = "file:8:1";
  image.kind = NodeKind::kFile;
  image.name = "/images/a.qcow2";
  image.facts = FileFacts{"/images/a.qcow2", 8, 1, 1 << 20, false};
  book.nodes.push_back(image);
  book.references.push_back({open, image.id, "", "image/open-file", 1, true, ""});
  EXPECT_TRUE(has_consequence(only_finding(audit(settled(book))), image.id));
}

TEST(Causes, OneProcessThatKeepsTwoVmsIsOneFinding) {
  TestHost host;
  const auto a = host.vm(4711);
  const auto b = host.vm(4712);
  const auto holder = host.process(900, "agent");
  host.fd(holder, a.vm_file);
  host.fd(holder, b.vm_file);
  host.dies(4711);
  host.dies(4712);
  const auto finding = only_finding(host);
  EXPECT_TRUE(has_consequence(finding, a.kvm) || has_consequence(finding, b.kvm));
}

TEST(Causes, TwoProcessesWithTheSameFileAreOneFinding) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.fd(host.process(900, "a"), vm.vm_file);
  host.fd(host.process(901, "b"), vm.vm_file);
  host.dies(4711);
  EXPECT_THAT(chain_ends(only_finding(host)), ElementsAre("a", "b"));
}

TEST(Causes, TwoLeaksAreTwoFindings) {
  TestHost host;
  const auto a = host.vm(4711);
  const auto b = host.vm(4712);
  host.unexplained(a.kvm, "users_count", 1);
  host.fd(host.process(900, "agent"), b.vm_file);
  host.dies(4711);
  host.dies(4712);
  const auto report = audit(settled(host.book()));
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(report.findings[0].verdict, Verdict::kLeaked);  // the worst first
  EXPECT_EQ(report.findings[1].verdict, Verdict::kHeld);
  EXPECT_EQ(report.verdict, Verdict::kLeaked);
}

TEST(MaybeHolder, IsNoneWhenEveryReferenceIsAccountedFor) {
  TestHost host;
  const auto a = host.vm(4711);
  const auto b = host.vm(4712);
  host.fd(host.process(900, "backup"), a.vm_file);
  host.fd(host.process(901, "agent"), b.vm_file);
  const auto poller = host.process(902, "poller");
  host.in_syscall(poller, a.vm_file);
  host.in_syscall(poller, b.vm_file);
  host.dies(4711);
  host.dies(4712);
  const auto report = audit(settled(host.book()));
  ASSERT_EQ(report.findings.size(), 2U);  // nothing they have in common
  EXPECT_THAT(chain_ends(report.findings[0]), ElementsAre("backup"));
  EXPECT_THAT(chain_ends(report.findings[1]), ElementsAre("agent"));
}

TEST(MaybeHolder, InASystemCallIsNoVerdict) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto holder = host.process(900, "poller");
  host.in_syscall(holder, vm.vm_file);  // its descriptor is closed meanwhile
  host.unexplained(vm.vm_file, "f_count", 1);
  host.dies(4711);
  const auto finding = only_finding(host);
  EXPECT_EQ(finding.verdict, Verdict::kInconclusive);
  EXPECT_THAT(chain_ends(finding), ElementsAre("poller"));
}

}  // namespace
}  // namespace vmleak
