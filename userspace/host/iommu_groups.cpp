// SPDX-License-Identifier: Apache-2.0
#include "host/iommu_groups.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kGroups = "/sys/kernel/iommu_groups";

// Since Linux kernel commit 512881eacfa7 ("bus: platform,amba,fsl-mc,PCI: Add
// device DMA ownership management") (in v5.19).  Before, VFIO had a list of its
// own and let every PCI bridge pass; now one on shpchp makes a group unusable.
constexpr std::array<std::string_view, 5> kDriverManagedDma{"pci-stub", "pcieport", "vfio-amba",
                                                            "vfio-fsl-mc", "vfio-platform"};

// vfio-pci itself and its variants, e.g. mlx5_vfio_pci, hisi-acc-vfio-pci: they
// can't work without the flag, and all of them are called like this.
constexpr std::array<std::string_view, 2> kVfioPciEndings{"vfio-pci", "vfio_pci"};

std::string_view file_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Result<std::vector<std::int64_t>> group_numbers(const HostRoot& root) {
  std::vector<std::int64_t> numbers;
  const auto names = root.list(kGroups);
  if (!names && is_gone(names.error())) return numbers;
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (const auto number = to_number<std::int64_t>(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

bool IommuGroup::viable() const {
  return std::all_of(members.begin(), members.end(), [](const IommuGroupMember& member) {
    return member.driver.empty() || member.driver_managed_dma;
  });
}

bool has_driver_managed_dma(std::string_view driver) {
  return std::find(kDriverManagedDma.begin(), kDriverManagedDma.end(), driver) !=
             kDriverManagedDma.end() ||
         std::any_of(kVfioPciEndings.begin(), kVfioPciEndings.end(),
                     [&](std::string_view ending) { return driver.ends_with(ending); });
}

Result<std::vector<IommuGroup>> read_iommu_groups(const HostRoot& root) {
  const auto numbers = group_numbers(root);
  if (!numbers) return numbers.error();
  std::vector<IommuGroup> groups;
  for (const auto number : *numbers) {
    const std::string devices = fmt::format("{}/{}/devices", kGroups, number);
    const auto names = root.list(devices);
    if (!names && is_gone(names.error())) continue;
    if (!names) return names.error();
    IommuGroup group{number, {}};
    for (const auto& name : *names) {
      IommuGroupMember member;
      member.address = name;
      if (const auto driver = root.read_link(fmt::format("{}/{}/driver", devices, name))) {
        member.driver = file_name(*driver);
      }
      member.driver_managed_dma = has_driver_managed_dma(member.driver);
      group.members.push_back(std::move(member));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

Result<std::vector<IommuGroupHandle>> open_iommu_groups(const HostRoot& root) {
  const auto numbers = group_numbers(root);
  if (!numbers) return numbers.error();
  std::vector<IommuGroupHandle> handles;
  for (const auto number : *numbers) {
    auto directory = root.open(fmt::format("{}/{}", kGroups, number), O_PATH | O_DIRECTORY);
    if (!directory && is_gone(directory.error())) continue;
    if (!directory) return directory.error();
    handles.push_back({number, *std::move(directory)});
  }
  return handles;
}

}  // namespace vmleak
