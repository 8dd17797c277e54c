// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "bpf/kernel_walker.h"

namespace vmleak {

void KernelWalker::read_vfio() {
  const std::vector<NodeKind> kinds = {NodeKind::kVfioGroup, NodeKind::kVfioDevice};
  repeat(
      false, "the list of VFIO groups", kinds,
      [this, &kinds] { run(Run::kVfioGroups, 0, 0, kinds); },
      [this] { records_.vfio_groups.clear(); });
  for (std::size_t i = 0; i < records_.vfio_groups.size(); ++i) {
    learn_group(vmleak_vfio_group_record(records_.vfio_groups[i]));
  }
}

void KernelWalker::learn_group(const vmleak_vfio_group_record& group) {
  const std::vector<NodeKind> kinds = {NodeKind::kVfioGroup, NodeKind::kVfioDevice};
  const auto devices = records_.vfio_devices.size();
  const auto holds = records_.holds.size();
  vfio_groups_.insert(group.group);
  repeat(
      false, "the devices of a VFIO group", kinds,
      [&] { run(Run::kVfioGroupParts, group.group, 0, kinds); },
      [&] {
        records_.vfio_devices.resize(devices);
        records_.holds.resize(holds);
      });
  for (auto i = devices; i < records_.vfio_devices.size(); ++i) {
    vfio_devices_.insert(records_.vfio_devices[i].device);
  }
  learn_container(group.container);
  const bool known =
      std::any_of(records_.iommu_groups.begin(), records_.iommu_groups.end(),
                  [&group](const auto& other) { return other.group == group.iommu_group; });
  if (group.iommu_group != 0 && !known) {
    run(Run::kIommuGroup, group.iommu_group, 0, {NodeKind::kIommuGroup});
  }
}

void KernelWalker::learn_container(std::uint64_t container, bool may_be_gone) {
  if (container == 0 || !containers_.insert(container).second) return;
  run(Run::kVfioContainer, container, may_be_gone ? 1 : 0, {NodeKind::kVfioContainer});
  if (records_.vfio_containers.empty()) return;
  const auto& read = records_.vfio_containers.back();
  if (read.kref > 0 && std::string_view(read.driver) == "vfio-iommu-type1") {
    run(Run::kVfioDma, container, 0, {NodeKind::kVfioContainer});
  }
}

}  // namespace vmleak
