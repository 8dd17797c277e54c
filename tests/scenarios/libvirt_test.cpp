// SPDX-License-Identifier: Apache-2.0

// Domains of a real libvirtd with a passed-through device.

#include <gtest/gtest.h>

#include <memory>

#include "support/actors.h"
#include "support/audit.h"
#include "support/passed_device.h"
#include "support/process_files.h"

namespace vmleak::scenarios {
namespace {

class Libvirt : public PassedDevice {
 protected:
  [[nodiscard]] std::unique_ptr<LibvirtDomain> next_domain(bool managed) const {
    return std::make_unique<LibvirtDomain>(
        LibvirtDomainOptions{.name = "gpu-08",
                             .uuid = "9c1d6c5e-30a1-4e0a-a1c5-02fd2cf5a8b7",
                             .host_devices = {device_->address()},
                             .managed = managed});
  }
};

TEST_F(Libvirt, RunningDomainIsFine) {
  LibvirtDomain domain(with_device());
  domain.start();
  EXPECT_EQ(device_->driver(), "vfio-pci");
  EXPECT_TRUE(is_clean(run_audit()));
  const auto explanation = run_vmleak({"explain", domain.name(), "--no-wait"});
  EXPECT_EQ(explanation.exit_code, 0) << explanation;
  EXPECT_NE(explanation.out.find(domain.name()), std::string::npos) << explanation;
  EXPECT_NE(explanation.out.find(device_->address()), std::string::npos) << explanation;
}

TEST_F(Libvirt, RemovedDomainGivesItsDeviceBack) {
  LibvirtDomain domain(with_device());
  domain.start();
  domain.remove();
  EXPECT_EQ(device_->driver(), kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
}

// A managed device leaves its VFIO group with its driver.  The file keeps a
// group without a device, and the next domain gets another one.
TEST_F(Libvirt, GroupFileHeldAfterAManagedDeviceIsGivenBack) {
  LibvirtDomain domain(with_device());
  domain.start();
  const auto holder = cast_holder(domain.pid(), find_fd(domain.pid(), device_->group_path()));
  domain.remove();
  EXPECT_EQ(device_->driver(), kNativeDriver);

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_TRUE(audit.only()->ends_in(holder->pid())) << audit;
  EXPECT_FALSE(audit.only()->mentions("busy")) << audit;

  auto next = next_domain(true);
  next->start();
  EXPECT_EQ(device_->driver(), "vfio-pci");
  next->remove();

  holder->kill();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(Libvirt, GroupFileHeldOfADeviceThatStaysOnVfio) {
  device_->bind("vfio-pci");
  auto options = with_device();
  options.managed = false;
  LibvirtDomain domain(options);
  domain.start();
  const auto holder = cast_holder(domain.pid(), find_fd(domain.pid(), device_->group_path()));
  domain.remove();

  auto next = next_domain(false);
  const auto start = next->try_start();
  EXPECT_FALSE(start.succeeded()) << start;
  EXPECT_NE(start.output.find("Device or resource busy"), std::string::npos) << start;

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  const auto* finding = audit.only();
  ASSERT_NE(finding, nullptr) << audit;
  EXPECT_TRUE(finding->ends_in(holder->pid())) << audit;
  EXPECT_TRUE(finding->blocks_device(device_->address())) << audit;
  EXPECT_TRUE(finding->mentions("busy")) << audit;

  holder->kill();
  EXPECT_TRUE(is_clean(run_audit()));
  next->start();
}

}  // namespace
}  // namespace vmleak::scenarios
