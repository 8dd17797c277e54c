// SPDX-License-Identifier: Apache-2.0

// Devices that are on vfio-pci because the host's configuration says so.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/passed_device.h"

namespace vmleak::scenarios {
namespace {

// A file of the guest's configuration, for the time of its life.
class ConfigurationFile {
 public:
  ConfigurationFile(std::filesystem::path path, const std::string& text) : path_(std::move(path)) {
    std::filesystem::create_directories(path_.parent_path());
    std::ofstream(path_) << text;
  }
  ConfigurationFile(const ConfigurationFile&) = delete;
  ConfigurationFile& operator=(const ConfigurationFile&) = delete;
  ~ConfigurationFile() { std::filesystem::remove(path_); }

 private:
  std::filesystem::path path_;
};

using DeviceParked = PassedDevice;

TEST_F(DeviceParked, InAPoolBeforeAnyVmUsedIt) {
  device_->bind("vfio-pci");
  EXPECT_TRUE(is_clean(run_audit()));
}

// After one crash, what decides is who wants the device on vfio-pci.
TEST_F(DeviceParked, OnPurposeIsNotStale) {
  LibvirtDomain domain(with_device());
  domain.start();
  lose(domain);
  ASSERT_EQ(device_->driver(), "vfio-pci");
  {
    const ConfigurationFile file("/etc/modprobe.d/vmleak-scenario.conf",
                                 "options vfio-pci ids=8086:10d3\n");
    EXPECT_TRUE(is_clean(run_audit())) << "modprobe.d";
  }
  {
    const ConfigurationFile file("/etc/driverctl.d/" + device_->address(), "vfio-pci\n");
    EXPECT_TRUE(is_clean(run_audit())) << "driverctl";
  }
  {
    const LibvirtDomain other({.name = "gpu-08",
                               .uuid = "9c1d6c5e-30a1-4e0a-a1c5-02fd2cf5a8b7",
                               .host_devices = {device_->address()},
                               .managed = false});
    EXPECT_TRUE(is_clean(run_audit())) << "a defined domain with managed='no'";
  }
  const ConfigurationFile other_device("/etc/modprobe.d/vmleak-scenario.conf",
                                       "options vfio-pci ids=10de:20b0\n");
  EXPECT_TRUE(has_one(run_audit(), "stale"));
}

}  // namespace
}  // namespace vmleak::scenarios
