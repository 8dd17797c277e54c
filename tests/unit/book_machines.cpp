// SPDX-License-Identifier: Apache-2.0
// The machines of a TestHost: what QEMU on a healthy host has, measured.
#include <string>
#include <utility>

#include "book_fixture.h"

namespace vmleak::testing {

Machine TestHost::vm(std::int64_t pid) {
  Machine machine;
  machine.pid = pid;
  machine.process = process(pid);
  machine.mm = make_node_id(NodeKind::kMm, std::to_string(pid));
  auto& vm = facts<ProcessFacts>(machine.process).vm;
  vm = {"gpu-" + std::to_string(pid), "5b1e0c2a-" + std::to_string(pid), "qemu", "command line"};

  KvmFacts kvm;
  kvm.creator_pid = pid;
  kvm.stats_id = "kvm-" + std::to_string(pid);
  kvm.debugfs_name = std::to_string(pid) + "-11";
  kvm.mm = machine.mm;
  kvm.vcpus = 1;
  kvm.memory_bytes = 2ULL << 30;
  machine.kvm = add(NodeKind::kKvm, std::to_string(pid), kvm, {"users_count"}).id;
  node(machine.kvm).name = kvm.debugfs_name;
  machine.vm_file = file("kvm/vm-file", "anon_inode:kvm-vm");
  hold(machine.vm_file, machine.kvm, "kvm/vm-file");
  fd(machine.process, machine.vm_file, "fd 11");
  machine.vcpu_file = file("kvm/vcpu-file", "anon_inode:kvm-vcpu:0");
  hold(machine.vcpu_file, machine.kvm, "kvm/vcpu-file");
  fd(machine.process, machine.vcpu_file, "fd 13");
  hold(machine.mm, machine.vcpu_file, "file/mapping", 1, "mapping of 12 KiB");
  return machine;
}

Machine TestHost::idle_device(int group, std::string_view address) {
  Machine machine;
  const auto number = std::to_string(group);
  IommuGroupFacts iommu;
  iommu.number = group;
  iommu.members = {{std::string(address), "NVIDIA A100", "vfio-pci", true}};
  machine.iommu_group = add(NodeKind::kIommuGroup, number, iommu, {"devices_kobj", "owner_cnt"}).id;
  const auto driver = add(NodeKind::kDriver, "vfio-pci-" + number, DriverFacts{}, {}).id;
  hold(driver, machine.iommu_group, "iommu-group/member");

  VfioGroupFacts facts;
  facts.number = group;
  facts.iommu_group = machine.iommu_group;
  machine.group =
      add(NodeKind::kVfioGroup, number, facts, {"drivers", "container_users", "opened_file"}).id;
  hold(machine.group, machine.iommu_group, "iommu-group/vfio-group");

  VfioDeviceFacts device;
  device.pci_address = address;
  device.driver = "vfio-pci";
  device.group = machine.group;
  machine.device = add(NodeKind::kVfioDevice, address, device, {"refcount", "open_count"}).id;
  hold(driver, machine.device, "vfio-device/registered");
  hold(machine.device, machine.group, "vfio-group/device");
  return machine;
}

Machine TestHost::vm_with_device(std::int64_t pid, int group, std::string_view address) {
  auto machine = vm(pid);
  const auto idle = idle_device(group, address);
  machine.iommu_group = idle.iommu_group;
  machine.group = idle.group;
  machine.device = idle.device;

  machine.container =
      add(NodeKind::kVfioContainer, std::to_string(pid),
          VfioContainerFacts{"vfio_iommu_type1",
                             {{pid, "qemu-system-x86", machine.mm, false, 2ULL << 30}}},
          {"kref"})
          .id;
  machine.container_file = file("vfio/container-file", "/dev/vfio/vfio");
  hold(machine.container_file, machine.container, "vfio-container/file");
  fd(machine.process, machine.container_file, "fd 20");

  machine.group_file = file("vfio/group-file", "/dev/vfio/" + std::to_string(group));
  hold(machine.group_file, machine.group, "vfio-group/file");
  fd(machine.process, machine.group_file, "fd 21");
  hold(machine.container, machine.group, "vfio-group/attached");
  hold(machine.group, machine.container, "vfio-container/group");
  hold(machine.group, machine.iommu_group, "iommu-group/vfio-owner");

  machine.kvm_vfio_file = file("kvm/device-file", "anon_inode:kvm-vfio");
  hold(machine.kvm_vfio_file, machine.kvm, "kvm/device-file");
  hold(machine.kvm_vfio_file, machine.group_file, "file/kvm-vfio");
  fd(machine.process, machine.kvm_vfio_file, "fd 22");

  machine.device_file = file("vfio/device-file", "anon_inode:[vfio-device]");
  hold(machine.device_file, machine.device, "vfio-device/file");
  hold(machine.device_file, machine.device, "vfio-device/open");
  hold(machine.device, machine.group, "vfio-group/open-device");
  hold(machine.device, machine.group_file, "file/vfio-device-open");
  hold(machine.device, machine.kvm, "kvm/vfio-device");
  fd(machine.process, machine.device_file, "fd 23");
  hold(machine.mm, machine.device_file, "file/mapping", 1, "mapping of 16 MiB");

  auto& facts_of_group = facts<VfioGroupFacts>(machine.group);
  facts_of_group.open_file = machine.group_file;
  facts_of_group.kvm = machine.kvm;
  facts_of_group.container = machine.container;
  facts<VfioDeviceFacts>(machine.device).kvm = machine.kvm;
  return machine;
}

void TestHost::modules() {
  for (const auto* name : {"kvm", "vfio", "vfio_pci", "vhost_net"}) {
    add(NodeKind::kModule, name, ModuleFacts{}, {"refcount"});
  }
  const std::map<std::string_view, std::string> owners{
      {"kvm/vm-file", "module:kvm"},          {"kvm/vcpu-file", "module:kvm"},
      {"kvm/device-file", "module:kvm"},      {"kvm/chardev", "module:kvm"},
      {"vfio/container-file", "module:vfio"}, {"vfio/group-file", "module:vfio"},
      {"vfio/device-file", "module:vfio"},    {"vhost/net-file", "module:vhost_net"}};
  for (const auto& [id, node] : nodes_) {
    const auto* facts = std::get_if<OpenFileFacts>(&node.facts);
    if (facts == nullptr) continue;
    if (const auto owner = owners.find(facts->type); owner != owners.end()) {
      hold(id, owner->second, "module/file");
    }
  }
}

}  // namespace vmleak::testing
