// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "support/pci_device.h"
#include "support/requirement.h"

namespace vmleak::scenarios {

// Two devices of the lab in one IOMMU group.
struct SharedGroup {
  const char* devices;  // their name in the lab
  const char* host_driver;
};

inline std::ostream& operator<<(std::ostream& stream, const SharedGroup& group) {
  return stream << group.devices;
}

class WithSharedGroup : public testing::TestWithParam<SharedGroup> {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no VFIO device to spare");
    addresses_ = lab_devices(GetParam().devices);
    ASSERT_EQ(addresses_.size(), 2U) << "start the lab with --device all";
  }

  std::vector<std::string> addresses_;
};

inline auto shared_groups() {
  return testing::Values(SharedGroup{"BRIDGE", "e1000"}, SharedGroup{"MULTIFUNCTION", "e1000e"});
}

inline std::string name_of(const testing::TestParamInfo<SharedGroup>& info) {
  return info.param.devices;
}

}  // namespace vmleak::scenarios
