// SPDX-License-Identifier: Apache-2.0

// Scenario 12: a group can't be used because one of its devices is on a driver
// of the host.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "support/audit.h"
#include "support/check.h"
#include "support/shared_group.h"

namespace vmleak::scenarios {
namespace {

class VfioViability : public WithSharedGroup {
 protected:
  static bool kernel_says_viable(const PciDevice& device) {
    const FileDescriptor group(
        check(::open(device.group_path().c_str(), O_RDWR | O_CLOEXEC), "open the group"));
    vfio_group_status status{};
    status.argsz = sizeof status;
    check(::ioctl(group.get(), VFIO_GROUP_GET_STATUS, &status), "ask for the group's status");
    return (status.flags & VFIO_GROUP_FLAGS_VIABLE) != 0;
  }
};

TEST_P(VfioViability, MemberOnAHostDriver) {
  const PciDevice ours(addresses_[0], "vfio-pci");
  const PciDevice other(addresses_[1], GetParam().host_driver);
  ASSERT_FALSE(kernel_says_viable(ours));
  const auto audit = run_audit();
  EXPECT_EQ(audit.run.exit_code, 3) << audit;
  const auto* finding = audit.only();
  ASSERT_NE(finding, nullptr) << audit;
  EXPECT_EQ(finding->kind(), "iommu_group") << audit;
  EXPECT_TRUE(finding->blocks_device(ours.address())) << audit;
  EXPECT_TRUE(finding->mentions(other.address())) << audit;
  EXPECT_TRUE(finding->mentions(GetParam().host_driver)) << audit;
}

TEST_P(VfioViability, MemberOnVfioToo) {
  const PciDevice ours(addresses_[0], "vfio-pci");
  const PciDevice other(addresses_[1], "vfio-pci");
  ASSERT_TRUE(kernel_says_viable(ours));
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_P(VfioViability, MemberOnNoDriver) {
  const PciDevice ours(addresses_[0], "vfio-pci");
  const PciDevice other(addresses_[1], "");
  ASSERT_TRUE(kernel_says_viable(ours));
  EXPECT_TRUE(is_clean(run_audit()));
}

INSTANTIATE_TEST_SUITE_P(Groups, VfioViability, shared_groups(), name_of);

}  // namespace
}  // namespace vmleak::scenarios
