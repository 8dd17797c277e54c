// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "host/host_use_readers.h"

namespace vmleak {
namespace {

constexpr std::string_view kSubsystems = "/sys/class/nvme-subsystem";

// "dm-0" is not what its owner calls it.
std::string holder_name(UsedFunction& function, const std::string& holder) {
  const auto name = function.attribute(fmt::format("/sys/class/block/{}/dm/name", holder));
  return name.empty() ? holder : fmt::format("{} ({})", holder, name);
}

// Mounts are also compared by name: Btrfs has a device number of its own.
bool find_mount(UsedFunction& function, const ChildDevice& disk) {
  const auto& mounts = function.tables.mounts();
  if (!mounts) {
    function.unknown(mounts.error());
    return false;
  }
  const auto found = std::find_if(mounts->begin(), mounts->end(), [&disk](const Mount& mount) {
    return mount.number == disk.number || mount.source == "/dev/" + disk.node;
  });
  if (found == mounts->end()) return false;
  function.use(HostUseKind::kBlockDevice,
               fmt::format("{} is mounted on {}", disk.name, found->point));
  return true;
}

bool find_swap(UsedFunction& function, const ChildDevice& disk) {
  const auto& swaps = function.tables.swaps();
  if (!swaps) {
    function.unknown(swaps.error());
    return false;
  }
  if (std::find(swaps->begin(), swaps->end(), "/dev/" + disk.node) == swaps->end()) return false;
  function.use(HostUseKind::kBlockDevice, disk.name + " is swap space");
  return true;
}

bool find_holder(UsedFunction& function, const ChildDevice& disk) {
  const auto holders = function.entries(disk.path + "/holders");
  for (const auto& holder : holders) {
    function.use(HostUseKind::kBlockDevice,
                 fmt::format("{} is a part of {}", disk.name, holder_name(function, holder)));
  }
  return !holders.empty();
}

bool find_opener(UsedFunction& function, const ChildDevice& disk) {
  const auto* open = function.tables.open_devices().find({true, *disk.number});
  if (open == nullptr) return false;
  function.use(HostUseKind::kBlockDevice,
               fmt::format("{} is open by {}", disk.name, opener(*open)));
  return true;
}

// Whoever can't be seen in any other way: ZFS, Ceph, another mount namespace.
bool find_owner(UsedFunction& function, const ChildDevice& disk) {
  const auto held = function.tables.probes.is_held(disk.node, *disk.number);
  if (!held) {
    function.unknown(held.error());
    return false;
  }
  if (!*held) return false;
  function.use(HostUseKind::kBlockDevice,
               fmt::format("{} is kept by a file system, volume manager or another exclusive user",
                           disk.name));
  return true;
}

// A disk is tried after its partitions: it can't be opened exclusively while
// one of them is in use, and the partition is what tells more.
std::vector<ChildDevice> disks_of(const DeviceTree& tree) {
  std::vector<ChildDevice> out;
  for (const auto& device : tree.devices) {
    if (device.subsystem == "block") out.push_back(device);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// With multipath, namespaces are below the subsystem that the controller
// belongs to, and the controller only has hidden paths to them.
void add_subsystem_disks(UsedFunction& function, const ChildDevice& controller,
                         std::vector<ChildDevice>& disks) {
  for (const auto& subsystem : function.entries(std::string(kSubsystems))) {
    const auto path = fmt::format("{}/{}", kSubsystems, subsystem);
    const auto members = function.entries(path);
    if (std::find(members.begin(), members.end(), controller.name) == members.end()) continue;
    const auto tree = read_device_tree(function.tables.root, path, false);
    if (!tree) {
      function.unknown(tree.error());
      continue;
    }
    for (auto& disk : disks_of(*tree)) disks.push_back(std::move(disk));
  }
}

bool is_used(const UsedFunction& function) {
  return std::any_of(function.uses.begin(), function.uses.end(),
                     [](const HostUse& use) { return use.kind == HostUseKind::kBlockDevice; });
}

void read_disk(UsedFunction& function, const ChildDevice& disk) {
  if (!disk.number || disk.node.empty()) {
    function.unknown({disk.name + " has no device number"});
    return;
  }
  // Each makes the next superfluous.
  find_mount(function, disk) || find_swap(function, disk) || find_holder(function, disk) ||
      find_opener(function, disk) || find_owner(function, disk);
}

}  // namespace

void read_block_uses(UsedFunction& function) {
  auto disks = disks_of(function.tree);
  const auto visible_end =
      std::partition(disks.begin(), disks.end(), [&function](const ChildDevice& disk) {
        return disk.number || function.attribute(disk.path + "/hidden") != "1";
      });
  const bool paths = visible_end != disks.end();
  disks.erase(visible_end, disks.end());
  const auto own = disks.size();
  for (const auto& device : function.tree.devices) {
    if (device.subsystem == "nvme") add_subsystem_disks(function, device, disks);
  }
  if (paths && disks.size() == own) {
    function.unknown({"the disk behind a path of it is not found in " + std::string(kSubsystems)});
  }
  for (const auto& disk : disks) {
    read_disk(function, disk);
    if (is_used(function)) return;  // the rest would be refused for the same reason
  }
  if (!disks.empty() && function.tables.open_devices().incomplete) {
    function.unknown(*function.tables.open_devices().incomplete);
  }
}

}  // namespace vmleak
