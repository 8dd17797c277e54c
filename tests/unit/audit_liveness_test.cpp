// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "audit/liveness.h"
#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::Machine;
using testing::TestHost;

// Life of a node in the host as it is now.
Life life(TestHost& host, const NodeId& id) {
  const auto book = host.book();
  const Graph graph(book);
  return Liveness(graph).of(graph.find(id));
}

NodeId user(TestHost& host, const NodeId& id) {
  const auto book = host.book();
  const Graph graph(book);
  const auto user = Liveness(graph).user(graph.find(id));
  return user == kNoNode ? "" : graph.node(user).id;
}

// Another process has the VM's files.
void keep_vm(TestHost& host, const Machine& machine) {
  const auto other = host.process(900, "libvirtd");
  host.fd(other, machine.vm_file);
}

TEST(VmLife, IsThatOfTheProcessWithItsAddressSpace) {
  TestHost host;
  const auto vm = host.vm(4711);
  EXPECT_EQ(life(host, vm.kvm), Life::kAlive);
  EXPECT_EQ(user(host, vm.kvm), vm.process);
}

TEST(VmLife, EndsWhenThatProcessExits) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.exits(4711);
  EXPECT_EQ(life(host, vm.kvm), Life::kGone);
}

TEST(VmLife, EndsWhenThatProcessDumpsCore) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.closing(4712, 4711, ClosingReason::kCoreDump);
  EXPECT_EQ(life(host, vm.kvm), Life::kGone);
}

TEST(VmLife, GoesOnWhenOneThreadExits) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.closing(4712, 4711, ClosingReason::kExiting);
  EXPECT_EQ(life(host, vm.kvm), Life::kAlive);
}

TEST(VmLife, IsNotThatOfAProcessWithTheSamePid) {
  TestHost host;
  const auto vm = host.vm(4711);
  keep_vm(host, vm);
  host.dies(4711);
  const auto recycled = host.process(4711, "bash");
  host.facts<ProcessFacts>(recycled).mm = "mm:other";
  host.drop(recycled, "mm:4711");
  EXPECT_EQ(life(host, vm.kvm), Life::kGone);
}

TEST(VmLife, IsNotThatOfAKernelThreadThatBorrowsTheAddressSpace) {
  TestHost host;
  const auto vm = host.vm(4711);
  keep_vm(host, vm);
  host.dies(4711);
  host.facts<ProcessFacts>(host.kernel_thread(60, "vhost-4711")).mm = vm.mm;
  EXPECT_EQ(life(host, vm.kvm), Life::kGone);
}

TEST(VmLife, GoesOnInAnyProcessThatSharesTheAddressSpace) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.exits(4711);
  host.facts<ProcessFacts>(host.process(4800)).mm = vm.mm;
  EXPECT_EQ(life(host, vm.kvm), Life::kAlive);
}

TEST(VmLife, IsUnknownWithoutItsAddressSpace) {
  TestHost host;
  const auto vm = host.vm(4711);
  keep_vm(host, vm);
  host.facts<KvmFacts>(vm.kvm).mm.clear();
  EXPECT_EQ(life(host, vm.kvm), Life::kAlive);  // its creator still runs
  host.dies(4711);
  EXPECT_EQ(life(host, vm.kvm), Life::kUnknown);
}

TEST(MmLife, EndsWithItsTasksWhileSomebodyKeepsIt) {
  TestHost host;
  const auto vm = host.vm(4711);
  const auto vhost = host.file("vhost/net-file", "/dev/vhost-net");
  host.hold(vhost, vm.mm, "mm/vhost");
  host.fd(host.process(900, "shim"), vhost);
  EXPECT_EQ(life(host, vm.mm), Life::kAlive);
  host.exits(4711);
  EXPECT_EQ(life(host, vm.mm), Life::kIdle);  // goes with the process
  host.dies(4711);
  EXPECT_EQ(life(host, vm.mm), Life::kGone);
}

TEST(VfioLife, OfAnUnusedDeviceIsIdle) {
  TestHost host;
  const auto idle = host.idle_device(42, "0000:8a:00.0");
  EXPECT_EQ(life(host, idle.device), Life::kIdle);
  EXPECT_EQ(life(host, idle.group), Life::kIdle);
}

TEST(VfioLife, IsThatOfTheVm) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.facts<VfioContainerFacts>(vm.container).dma_users.clear();
  for (const auto& id : {vm.device, vm.group, vm.container}) {
    EXPECT_EQ(life(host, id), Life::kAlive) << id;
    EXPECT_EQ(user(host, id), vm.process) << id;
  }
}

TEST(VfioLife, IsThatOfAProcessWithDmaMappings) {
  TestHost host;  // QEMU without KVM
  const auto vm = host.vm_with_device(4711, 42);
  host.facts<VfioGroupFacts>(vm.group).kvm.clear();
  host.facts<VfioDeviceFacts>(vm.device).kvm.clear();
  for (const auto& id : {vm.device, vm.group, vm.container}) {
    EXPECT_EQ(life(host, id), Life::kAlive) << id;
  }
}

TEST(VfioLife, GoesOnWhenOnlyTheLeaderOfTheDmaUserExited) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.facts<VfioGroupFacts>(vm.group).kvm.clear();
  host.facts<VfioDeviceFacts>(vm.device).kvm.clear();
  host.facts<VfioContainerFacts>(vm.container).dma_users[0].exited = true;
  EXPECT_EQ(life(host, vm.device), Life::kAlive);
}

TEST(VfioLife, EndsWithVmAndDmaUserWhoeverHoldsTheFiles) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  const auto child = host.process(900, "hook");
  for (const auto& file : {vm.vm_file, vm.container_file, vm.group_file, vm.device_file}) {
    host.fd(child, file);
  }
  host.dies(4711);
  for (const auto& id : {vm.kvm, vm.device, vm.group, vm.container}) {
    EXPECT_EQ(life(host, id), Life::kGone) << id;
  }
}

// DPDK before its first mapping.
struct Dpdk {
  TestHost host;
  Machine use;

  Dpdk() {
    use = host.vm_with_device(4711, 42);
    host.facts<VfioGroupFacts>(use.group).kvm.clear();
    host.facts<VfioDeviceFacts>(use.device).kvm.clear();
    host.facts<VfioContainerFacts>(use.container).dma_users.clear();
    host.drop(use.device, use.kvm);
  }
};

TEST(VfioLife, IsThatOfAProcessWithAllTheFiles) {
  Dpdk dpdk;
  EXPECT_EQ(life(dpdk.host, dpdk.use.group), Life::kAlive);
  EXPECT_EQ(life(dpdk.host, dpdk.use.device), Life::kAlive);
}

TEST(VfioLife, NeedsMoreThanTheDevicesFile) {
  Dpdk dpdk;
  dpdk.host.drop(dpdk.use.process, dpdk.use.group_file);
  EXPECT_EQ(life(dpdk.host, dpdk.use.group), Life::kGone);
}

TEST(VfioLife, NeedsMoreThanTheGroupsFile) {
  Dpdk dpdk;
  dpdk.host.drop(dpdk.use.process, dpdk.use.device_file);
  dpdk.host.drop(dpdk.use.process, dpdk.use.container_file);
  EXPECT_EQ(life(dpdk.host, dpdk.use.group), Life::kGone);
}

TEST(VfioLife, IsNotThatOfAProcessThatHoldsTheFilesOfAGoneVm) {
  Dpdk dpdk;
  dpdk.host.facts<VfioGroupFacts>(dpdk.use.group).kvm = "kvm:destroyed";
  auto book = dpdk.host.book();
  for (auto& node : book.nodes) {
    if (node.id == dpdk.use.group) std::get<VfioGroupFacts>(node.facts).kvm = "kvm:destroyed";
  }
  const Graph graph(book);
  EXPECT_EQ(Liveness(graph).of(graph.find(dpdk.use.group)), Life::kGone);
}

TEST(VfioLife, OfAContainerWithoutGroupsIsThatOfWhoHasItOpen) {
  TestHost host;  // DPDK opens one when it starts
  const auto vm = host.vm_with_device(4711, 42);
  const auto dpdk = host.process(900, "spdk");
  host.fd(dpdk, vm.container_file);
  host.dies(4711);
  host.facts<VfioContainerFacts>(vm.container).dma_users.clear();
  EXPECT_EQ(life(host, vm.container), Life::kAlive);
  EXPECT_EQ(user(host, vm.container), dpdk);
}

TEST(VfioLife, TrustsNoPointerToAVmThatKeepsNoReference) {
  TestHost host;  // Linux 6.1: vfio_device.kvm dangles and meets a new VM
  const auto vm = host.vm_with_device(4711, 42);
  const auto newer = host.vm(5000);
  host.fd(host.process(900, "thief"), vm.device_file);
  host.drop(vm.device, vm.kvm);
  host.dies(4711);
  host.facts<VfioGroupFacts>(vm.group).kvm.clear();
  host.facts<VfioDeviceFacts>(vm.device).kvm = newer.kvm;
  // The container lives on through the group, its DMA user is gone.
  EXPECT_EQ(life(host, vm.device), Life::kGone);
}

TEST(VfioLife, OfADeviceOpenedThroughItsOwnNodeIsThatOfWhoHasAnIommufd) {
  TestHost host;
  const auto idle = host.idle_device(42, "0000:8a:00.0");
  const auto qemu = host.process(900);
  const auto file = host.file("vfio/device-file", "/dev/vfio/devices/vfio0");
  host.hold(file, idle.device, "vfio-device/file");
  host.fd(qemu, file);
  EXPECT_EQ(life(host, idle.device), Life::kGone);
  host.fd(qemu, host.file("iommufd/file", "/dev/iommu"));
  EXPECT_EQ(life(host, idle.device), Life::kAlive);
}

TEST(VfioLife, OfADeviceWithARawReferenceIsGone) {
  TestHost host;
  const auto idle = host.idle_device(42, "0000:8a:00.0");
  host.unexplained(idle.device, "refcount", 1);
  EXPECT_EQ(life(host, idle.device), Life::kGone);
  EXPECT_EQ(life(host, idle.group), Life::kIdle);
}

TEST(VfioLife, OfAnUnregisteredDeviceNeedsNoRegistration) {
  TestHost host;  // unbind waits for the last file
  const auto vm = host.vm_with_device(4711, 42);
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  host.drop("driver:vfio-pci-42", vm.device);
  host.facts<VfioDeviceFacts>(vm.device).registered = false;
  EXPECT_EQ(life(host, vm.device), Life::kGone);
}

}  // namespace
}  // namespace vmleak
