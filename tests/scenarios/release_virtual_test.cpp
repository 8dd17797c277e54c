// SPDX-License-Identifier: Apache-2.0

// A physical function on vfio-pci with its virtual functions, which the kernel
// gives to vfio-pci as well.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "support/child_process.h"
#include "support/leak_module.h"
#include "support/pci_device.h"
#include "support/release.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

constexpr const char* kMayHaveVirtualFunctions = "/sys/module/vfio_pci/parameters/enable_sriov";
constexpr const char* kFirst = "0000:00:12.1";

class ReleaseVirtual : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no device to spare");
    const auto devices = lab_devices("SRIOV");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device sriov";
    physical_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
    std::ofstream(kMayHaveVirtualFunctions) << "1";
    set_count(2);
    ASSERT_EQ(count(), 2);
  }
  void TearDown() override {
    if (!physical_) return;
    set_count(0);
    physical_.reset();
  }

  [[nodiscard]] std::string count_path() const {
    return "/sys/bus/pci/devices/" + physical_->address() + "/sriov_numvfs";
  }
  void set_count(int number) const { std::ofstream(count_path()) << number; }
  [[nodiscard]] int count() const {
    int number = -1;
    std::ifstream(count_path()) >> number;
    return number;
  }

  std::unique_ptr<PciDevice> physical_;
};

TEST_F(ReleaseVirtual, VirtualFunctionsComeBackWithTheirPhysicalOne) {
  const auto done = run_release(physical_->address(), {"--action", "remove-rescan", "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.result_of("vf-count"), "done") << done;
  EXPECT_EQ(physical_->driver(), "vfio-pci");
  EXPECT_EQ(count(), 2);
}

// A scan of the bus would not find it.
TEST_F(ReleaseVirtual, AVirtualFunctionIsNotRemoved) {
  const LeakModule leak;
  const PciDevice first(kFirst, "vfio-pci");
  {
    const FileDescriptor group(::open(first.group_path().c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(group);
    leak.keep_file(::getpid(), group.get());
  }
  const auto refused = run_release(first.address(), {"--yes"});
  EXPECT_EQ(refused.exit_code(), 5) << refused;
  EXPECT_TRUE(refused.is_blocked_by("a scan would not bring it back")) << refused;
  EXPECT_EQ(count(), 2);
}

TEST_F(ReleaseVirtual, APhysicalFunctionIsRefusedWhileSomebodyHasAVirtualOne) {
  const PciDevice first(kFirst, "vfio-pci");
  ChildProcess user("user", [&first](const Stage& stage) {
    const FileDescriptor group(::open(first.group_path().c_str(), O_RDWR | O_CLOEXEC));
    stage.pause(group.get());
  });
  const auto refused = run_release(physical_->address(), {"--action", "remove-rescan", "--yes"});
  EXPECT_EQ(refused.exit_code(), 5) << refused;
  EXPECT_EQ(count(), 2);
  user.kill();
}

}  // namespace
}  // namespace vmleak::scenarios
