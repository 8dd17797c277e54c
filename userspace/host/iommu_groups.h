// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"
#include "model/node.h"

namespace vmleak {

struct IommuGroup {
  std::int64_t number = -1;
  std::vector<IommuGroupMember> members;  // `name` is empty: see PciNames
  // A member is bound to a driver that owns its DMA.  What VFIO goes by.
  [[nodiscard]] bool viable() const;
};

// The groups of /sys/kernel/iommu_groups by number; none without an IOMMU.
Result<std::vector<IommuGroup>> read_iommu_groups(const HostRoot& root);

struct IommuGroupHandle {
  std::int64_t number = -1;
  // Directory of the group, opened with O_PATH: its kernfs node leads to the
  // kobject inside struct iommu_group.
  FileDescriptor directory;
};

Result<std::vector<IommuGroupHandle>> open_iommu_groups(const HostRoot& root);

// Drivers that set driver_managed_dma in their struct device_driver: they
// leave the DMA of a device to its user or do none themselves.
bool has_driver_managed_dma(std::string_view driver);

}  // namespace vmleak
