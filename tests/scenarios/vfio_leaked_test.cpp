// SPDX-License-Identifier: Apache-2.0

// Scenarios 10 and 11: nobody that can be seen holds what keeps the device of
// a dead VMM.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/actors.h"
#include "support/audit.h"
#include "support/leak_module.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

class VfioLeaked : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("only the lab may load the leak module");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    device_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
    leak_ = std::make_unique<LeakModule>();
  }

  void TearDown() override {
    // First, or the device could not be given back.
    leak_.reset();
    device_.reset();
  }

  [[nodiscard]] int error_of_open() const {
    const FileDescriptor group(::open(device_->group_path().c_str(), O_RDWR | O_CLOEXEC));
    return group ? 0 : errno;
  }

  // What lsof and fuser would say.
  void expect_no_visible_holder() const {
    EXPECT_TRUE(processes_with("anon_inode:[vfio-device]").empty());
    EXPECT_TRUE(processes_with("/dev/vfio/").empty());
  }

  // One finding: nobody is seen to hold one reference of this counter.
  void expect_one_leaked_reference(std::string_view kind, std::string_view counter) const {
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "leaked"));
    const auto* finding = audit.find(kind, "leaked");
    ASSERT_NE(finding, nullptr) << audit;
    EXPECT_TRUE(finding->blocks_device(device_->address())) << audit;
    EXPECT_EQ(finding->unaccounted(counter), 1) << audit;
  }

  void expect_free() const {
    EXPECT_TRUE(is_clean(run_audit()));
    EXPECT_EQ(error_of_open(), 0);
  }

  std::unique_ptr<PciDevice> device_;
  std::unique_ptr<LeakModule> leak_;
};

TEST_F(VfioLeaked, QemusDeviceFile) {
  Qemu qemu({.vfio_devices = {device_->address()}});
  leak_->keep_file(qemu.pid(), qemu.fd("anon_inode:[vfio-device]"));
  qemu.kill();
  expect_no_visible_holder();
  EXPECT_EQ(error_of_open(), EBUSY);
  expect_one_leaked_reference("vfio_device", "refcount");

  leak_->put_all();
  expect_free();
}

TEST_F(VfioLeaked, GroupFile) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), device_->group_path()));
  vmm->kill();
  expect_no_visible_holder();
  EXPECT_EQ(error_of_open(), EBUSY);
  expect_one_leaked_reference("vfio_group", "f_count");

  leak_->put_all();
  expect_free();
}

// The device can be used again, only the module can't be unloaded.
TEST_F(VfioLeaked, ContainerFile) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), "/dev/vfio/vfio"));
  vmm->kill();
  expect_no_visible_holder();
  EXPECT_EQ(error_of_open(), 0);
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "leaked"));
  const auto* finding = audit.find("module", "leaked");
  ASSERT_NE(finding, nullptr) << audit;
  EXPECT_EQ(finding->raw().at("object").at("name"), "vfio") << audit;
  EXPECT_GE(finding->unaccounted(), 1) << audit;

  leak_->put_all();
  expect_free();
}

// Not a file's: the device's own count.
TEST_F(VfioLeaked, DeviceRegistration) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_vfio_device(vmm->pid(), vmm->value());
  vmm->kill();
  expect_no_visible_holder();
  expect_one_leaked_reference("vfio_device", "refcount");

  leak_->put_all();
  expect_free();
}

TEST_F(VfioLeaked, AddressSpace) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_mm(vmm->pid());
  vmm->kill();
  expect_no_visible_holder();
  EXPECT_EQ(error_of_open(), EBUSY);
  expect_one_leaked_reference("mm", "mm_users");

  leak_->put_all();
  expect_free();
}

TEST_F(VfioLeaked, GivenBackInTime) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_file(vmm->pid(), vmm->value());
  leak_->put_all();
  vmm->kill();
  expect_free();
}

}  // namespace
}  // namespace vmleak::scenarios
