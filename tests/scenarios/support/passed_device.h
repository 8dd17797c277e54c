// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/audit.h"
#include "support/libvirt_domain.h"
#include "support/pci_device.h"
#include "support/requirement.h"

namespace vmleak::scenarios {

inline constexpr const char* kNativeDriver = "e1000e";

// The domain's crash with libvirtd, which has lost all it knew of it and runs
// again.  Only the domain's log remembers it.
void lose(LibvirtDomain& domain);

// Removes the logs of domains, so that no test is about the VMs of another.
void forget_past_domains();

// A device on its driver of the host, and a libvirt that has had no domains.
class PassedDevice : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no VFIO device to spare");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    LibvirtHost::get().start_libvirtd();
    forget_past_domains();
    device_ = std::make_unique<PciDevice>(devices[0], kNativeDriver);
  }

  [[nodiscard]] LibvirtDomainOptions with_device(bool managed = true) const {
    return {.host_devices = {device_->address()}, .managed = managed};
  }

  std::unique_ptr<PciDevice> device_;
};

// The finding's owner is this domain, which no longer exists; a libvirt domain
// log says so.
testing::AssertionResult was_owned_by(const Finding& finding, const LibvirtDomain& domain);

inline std::string rule_of(const Finding& finding) { return finding.raw().at("rule"); }

}  // namespace vmleak::scenarios
