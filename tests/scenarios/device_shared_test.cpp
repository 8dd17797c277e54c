// SPDX-License-Identifier: Apache-2.0

// Devices that a domain can't have, because another domain or the host has them
// or their group.

#include <gtest/gtest.h>

#include "support/passed_device.h"
#include "support/shared_group.h"

namespace vmleak::scenarios {
namespace {

constexpr const char* kOtherUuid = "9c1d6c5e-30a1-4e0a-a1c5-02fd2cf5a8b7";

using DeviceAssigned = PassedDevice;

TEST_F(DeviceAssigned, ToTwoDomainsThatBothWantIt) {
  const auto& libvirt = LibvirtHost::get();
  LibvirtDomain first(with_device());
  const LibvirtDomain second(
      {.name = "gpu-08", .uuid = kOtherUuid, .host_devices = {device_->address()}});
  EXPECT_TRUE(is_clean(run_audit())) << "two definitions, neither running nor autostart";

  libvirt.virsh({"autostart", second.name()});
  EXPECT_TRUE(is_clean(run_audit())) << "one autostart";
  first.start();
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "stale"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_EQ(rule_of(*audit.only()), "device-assigned-twice") << audit;
  EXPECT_TRUE(audit.only()->blocks_device(device_->address())) << audit;
  EXPECT_TRUE(audit.only()->mentions(first.name())) << audit;
  EXPECT_TRUE(audit.only()->mentions(second.name())) << audit;

  libvirt.virsh({"autostart", "--disable", second.name()});
  EXPECT_TRUE(is_clean(run_audit())) << "one running";
}

class DeviceGroup : public WithSharedGroup {
 protected:
  void SetUp() override {
    WithSharedGroup::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    LibvirtHost::get().start_libvirtd();
    forget_past_domains();
  }
};

TEST_P(DeviceGroup, MemberOnAHostDriverKeepsADomainFromStarting) {
  const PciDevice ours(addresses_[0], "vfio-pci");
  const PciDevice other(addresses_[1], GetParam().host_driver);
  LibvirtDomain domain({.host_devices = {ours.address()}, .managed = false});
  const auto start = domain.try_start();
  EXPECT_FALSE(start.succeeded()) << start;
  EXPECT_NE(start.output.find("not viable"), std::string::npos) << start;

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_EQ(rule_of(*audit.only()), "group-not-viable") << audit;
  EXPECT_TRUE(audit.only()->blocks_device(ours.address())) << audit;
  EXPECT_TRUE(audit.only()->mentions(other.address())) << audit;
  EXPECT_TRUE(audit.only()->mentions(std::string("host driver ") + GetParam().host_driver))
      << audit;

  other.bind("");
  domain.start();
  EXPECT_TRUE(is_clean(run_audit()));
}

INSTANTIATE_TEST_SUITE_P(Groups, DeviceGroup, shared_groups(), name_of);

}  // namespace
}  // namespace vmleak::scenarios
