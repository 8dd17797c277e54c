// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "bpf/book_parts.h"

namespace vmleak {
namespace {

// An exited task that a DMA mapping still pins: no part of it runs any more.
bool has_exited(const vmleak_dma_user_record& user) {
  constexpr std::uint32_t kExiting = 0x4;  // PF_EXITING
  return user.exit_state != 0 && (user.flags & kExiting) != 0;
}

}  // namespace

void BookParts::add_dma_users(Node& container) {
  auto& users = std::get<VfioContainerFacts>(container.facts).dma_users;
  for (const auto& record : records_.dma_users) {
    if (id_of(record.container) != container.id) continue;
    const auto same = std::find_if(users.begin(), users.end(),
                                   [&record](const auto& user) { return user.pid == record.tgid; });
    if (same != users.end()) {
      same->bytes += record.bytes;
    } else {
      users.push_back(
          {record.tgid, record.comm, id_of(record.mm), has_exited(record), record.bytes});
    }
  }
}

void BookParts::add_devices_of(const vmleak_vfio_group_record& group, bool listed) {
  const NodeId group_id = id_of(group.group);
  for (const auto& record : records_.vfio_devices) {
    if (record.group != group.group) continue;
    VfioDeviceFacts facts;
    facts.pci_address = record.name;
    facts.driver = record.driver;
    facts.group = group_id;
    facts.kvm = id_of(record.kvm);
    facts.registered = listed;
    auto& device = node(NodeKind::kVfioDevice, record.device, record.name, facts);
    device.counters = {{"refcount", record.refcount, 0}, {"open_count", record.open_count, 0}};
    const NodeId id = device.id;
    if (listed) {
      refer(driver(record.driver), id, "vfio-device/registered");
      refer(id, group_id, "vfio-group/device");
    }
    // All inodes of devices are on one file system, which keeps its module.
    if (record.mapping != 0 && !std::exchange(has_file_system_, true)) {
      refer(id, module("vfio"), "module/file-system");
    }
    if (record.open_count <= 0) continue;
    const auto taken = options_.counts_device_files ? record.open_count : 1;
    if (group.container != 0) refer(id, group_id, "vfio-group/open-device", taken);
    refer(id, id_of(group.opened_file), "file/vfio-device-open", taken);
    if (record.holds_kvm != 0 && record.kvm != 0) {
      refer(id, id_of(record.kvm), "kvm/vfio-device");
      refer(id, module("kvm"), "module/symbol", 1, "kvm_put_kvm");
    }
    if (record.driver[0] != '\0') {
      refer(id, module_of_driver(record.driver), "module/open-device");
    }
  }
}

void BookParts::add_vfio() {
  for (const auto& record : records_.vfio_containers) {
    VfioContainerFacts facts;
    facts.iommu_driver = record.driver;
    auto& container = node(NodeKind::kVfioContainer, record.container, {}, facts);
    container.counters = {{"kref", record.kref, 0}};
    add_dma_users(container);
    const auto& users = std::get<VfioContainerFacts>(container.facts).dma_users;
    container.name = users.empty() ? "VFIO container"
                                   : fmt::format("VFIO container of {} {}", users.front().comm,
                                                 users.front().pid);
    const NodeId id = container.id;
    if (record.driver[0] != '\0') refer(id, module("vfio_iommu_type1"), "module/container-driver");
  }
  for (const auto& record : records_.vfio_groups) {
    VfioGroupFacts facts;
    // Its last device has left, and the kernel took number and node away.
    const bool detached = record.drivers == 0 || record.iommu_group == 0;
    if (!detached) facts.number = record.number;
    facts.kvm = id_of(record.kvm);
    facts.container = id_of(record.container);
    auto& group = node(NodeKind::kVfioGroup, record.group,
                       detached ? std::string() : std::to_string(record.number), facts);
    group.name = detached ? "without a device" : fmt::format("/dev/vfio/{}", record.number);
    group.counters = {{"drivers", record.drivers, 0},
                      {"container_users", record.container_users, 0},
                      {"opened_file", record.opened_file != 0 ? 1 : 0, 0}};
    const NodeId id = group.id;
    refer(facts.container, id, "vfio-group/attached");
    refer(id, facts.container, "vfio-container/group");
    // The file itself, before what it keeps is looked at.
    for (const auto& hold : records_.holds) {
      if (hold.hold == VMLEAK_HOLD_GROUP_OPENED && hold.holder == record.group) {
        const auto* file = add_file(hold.file);
        if (file != nullptr) {
          std::get<VfioGroupFacts>(find(record.group)->facts).open_file = file->id;
        }
      }
    }
    add_devices_of(record, true);
  }
}

void BookParts::add_iommu_groups() {
  for (const auto& record : records_.iommu_groups) {
    IommuGroupFacts facts;
    facts.number = record.number;
    facts.owner = id_of(record.owner);
    for (const auto& member : records_.iommu_members) {
      if (member.group != record.group) continue;
      facts.members.push_back({member.name, {}, member.driver, member.driver_managed_dma != 0});
      if (member.driver[0] != '\0' && member.driver_managed_dma == 0) facts.viable = false;
    }
    auto& group = node(NodeKind::kIommuGroup, record.group, std::to_string(record.number), facts);
    group.name = fmt::format("IOMMU group {}", record.number);
    group.counters = {{"devices_kobj", record.devices_kobj, 0}, {"owner_cnt", record.owner_cnt, 0}};
    const NodeId id = group.id;
    refer(facts.owner, id, "iommu-group/vfio-owner");
    for (const auto& member : facts.members) {
      // A member is there whether or not a driver has it.
      refer(driver(member.driver.empty() ? "none" : member.driver), id, "iommu-group/member", 1,
            member.address);
      if (!member.driver.empty() && !member.driver_managed_dma) {
        refer(driver(member.driver), id, "iommu-group/driver", 1, member.address);
      }
    }
  }
  for (const auto& record : records_.vfio_groups) {
    const NodeId group = id_of(record.group);
    const NodeId iommu_group = id_of(record.iommu_group);
    refer(group, iommu_group, "iommu-group/vfio-group");
    if (auto* found = find(record.group); found != nullptr) {
      std::get<VfioGroupFacts>(found->facts).iommu_group = iommu_group;
    }
  }
}

// Module names have "_" where driver names have "-".
NodeId BookParts::module_of_driver(std::string_view driver_name) {
  std::string name(driver_name);
  std::replace(name.begin(), name.end(), '-', '_');
  return module(name);
}

}  // namespace vmleak
