// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "support/pci_device.h"
#include "support/requirement.h"

namespace vmleak::scenarios {

// A device that is alone in its IOMMU group, on vfio-pci.
class DeviceOnVfio : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no VFIO device to spare");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    device_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
  }

  std::unique_ptr<PciDevice> device_;
};

}  // namespace vmleak::scenarios
