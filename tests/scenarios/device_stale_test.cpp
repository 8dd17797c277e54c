// SPDX-License-Identifier: Apache-2.0

// Devices that nobody gave back to the host after their VM.

#include <gtest/gtest.h>

#include "support/actors.h"
#include "support/passed_device.h"
#include "support/process_files.h"

namespace vmleak::scenarios {
namespace {

class DeviceStale : public PassedDevice {
 protected:
  // One finding of this rule about the device, and whose it was.
  static void expect_stale(const Audit& audit, const char* rule, const PciDevice& device,
                           const LibvirtDomain& domain) {
    EXPECT_TRUE(has_one(audit, "stale"));
    const auto* finding = audit.only();
    ASSERT_NE(finding, nullptr) << audit;
    EXPECT_EQ(rule_of(*finding), rule) << audit;
    EXPECT_TRUE(finding->blocks_device(device.address())) << audit;
    EXPECT_TRUE(was_owned_by(*finding, domain)) << audit;
  }
};

TEST_F(DeviceStale, IsNoneThatADestroyedDomainGaveBack) {
  LibvirtDomain domain(with_device());
  domain.start();
  domain.destroy();
  EXPECT_EQ(device_->driver(), kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(DeviceStale, IsOneOfADomainThatACrashTookAway) {
  LibvirtDomain domain(with_device());
  domain.start();
  lose(domain);
  ASSERT_EQ(device_->driver(), "vfio-pci");

  const auto audit = run_audit();
  expect_stale(audit, "stale-device", *device_, domain);
  ASSERT_NE(audit.only(), nullptr);
  EXPECT_TRUE(audit.only()->mentions("/var/log/libvirt/qemu/gpu-07.log")) << audit;
  EXPECT_TRUE(audit.only()->mentions(kNativeDriver)) << audit;

  device_->bind(kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(DeviceStale, IsOneWithItsDriverOverrideLeft) {
  LibvirtDomain domain(with_device());
  domain.start();
  lose(domain);
  // Somebody helped himself, and forgot the other half.
  device_->bind(kNativeDriver);
  device_->override_driver("vfio-pci");

  const auto audit = run_audit();
  expect_stale(audit, "driver-override-left", *device_, domain);
  EXPECT_TRUE(audit.findings.empty() || audit.findings[0].mentions("driver_override=vfio-pci"))
      << audit;

  device_->override_driver("");
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(DeviceStale, IsACompanionThatWasUnboundForIt) {
  const auto functions = lab_devices("MULTIFUNCTION");
  ASSERT_EQ(functions.size(), 2U) << "start the lab with --device multifunction";
  const PciDevice passed(functions[0], kNativeDriver);
  const PciDevice companion(functions[1], kNativeDriver);
  companion.bind("");  // or the group would not be viable
  LibvirtDomain domain({.name = "gpu-09", .host_devices = {passed.address()}});
  domain.start();
  EXPECT_TRUE(is_clean(run_audit()));
  domain.remove();
  ASSERT_EQ(passed.driver(), kNativeDriver);
  ASSERT_EQ(companion.driver(), "");

  expect_stale(run_audit(), "companion-unbound", companion, domain);

  companion.bind(kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
}

// libvirt knows nothing any more, and the process that used it is gone.
TEST_F(DeviceStale, IsNoneThatIsHeldYetTheLogKnowsWhoseItWas) {
  LibvirtDomain domain(with_device());
  domain.start();
  const auto holder = cast_holder(domain.pid(), find_fd(domain.pid(), device_->group_path()));
  lose(domain);

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_TRUE(audit.only()->ends_in(holder->pid())) << audit;
  EXPECT_TRUE(audit.only()->blocks_device(device_->address())) << audit;
  EXPECT_TRUE(was_owned_by(*audit.only(), domain)) << audit;

  holder->kill();
  device_->bind(kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
}

}  // namespace
}  // namespace vmleak::scenarios
