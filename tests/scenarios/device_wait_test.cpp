// SPDX-License-Identifier: Apache-2.0

// Tasks that wait in the kernel for a device: for its user, or for hardware that
// does not answer.

#include <gtest/gtest.h>

#include <memory>

#include "support/actors.h"
#include "support/device_on_vfio.h"
#include "support/leak_module.h"
#include "support/passed_device.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

std::string drivers_file(const std::string& driver, const char* file) {
  return "/sys/bus/pci/drivers/" + driver + "/" + file;
}

class DeviceWait : public DeviceOnVfio {
 protected:
  // Writes, and is found in that function of the kernel.
  static std::unique_ptr<ChildProcess> start_to_wait(const char* name, const std::string& path,
                                                     const std::string& text,
                                                     const char* function) {
    auto writer = cast_writer(name, path, text);
    writer->resume_only();
    wait_until(std::string(name) + " to be in " + function,
               [&] { return is_inside(writer->pid(), function); });
    return writer;
  }

  // One finding: this task waits for this user of the device.
  void expect_blocked(const Audit& audit, const ChildProcess& task, const Qemu& user) const {
    EXPECT_TRUE(has_one(audit, "held"));
    const auto* finding = audit.only();
    ASSERT_NE(finding, nullptr) << audit;
    EXPECT_EQ(rule_of(*finding), "removal-blocked") << audit;
    EXPECT_TRUE(finding->blocks_device(device_->address())) << audit;
    EXPECT_TRUE(finding->mentions(fmt::format("remover {}", task.pid()))) << audit;
    EXPECT_TRUE(finding->mentions("vfio_unregister_group_dev")) << audit;
    EXPECT_TRUE(finding->ends_in(user.pid())) << audit;
    EXPECT_EQ(finding->raw().at("owner").at("name"), "gpu-07") << audit;
    EXPECT_TRUE(finding->raw().at("since").is_string()) << audit;
  }

  [[nodiscard]] QemuOptions with_device() const {
    return {.name = "gpu-07", .vfio_devices = {device_->address()}};
  }
};

TEST_F(DeviceWait, UnbindOfADeviceInUseHangs) {
  Qemu qemu(with_device());
  const auto remover = start_to_wait("remover", drivers_file("vfio-pci", "unbind"),
                                     device_->address(), "vfio_unregister_group_dev");
  const auto audit = run_audit();
  expect_blocked(audit, *remover, qemu);
  ASSERT_NE(audit.only(), nullptr);
  EXPECT_FALSE(audit.only()->mentions("all hot-plug")) << audit;

  qemu.kill();
  remover->wait_for_death();
  EXPECT_EQ(device_->driver(), "");
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(DeviceWait, RemovalOfADeviceInUseHangsTheHost) {
  Qemu qemu(with_device());
  const auto remover =
      start_to_wait("remover", device_->sysfs_file("remove"), "1", "vfio_unregister_group_dev");
  const auto behind = start_to_wait("rescanner", "/sys/bus/pci/rescan", "1", "rescan_store");
  const auto audit = run_audit();
  expect_blocked(audit, *remover, qemu);
  ASSERT_NE(audit.only(), nullptr);
  EXPECT_TRUE(audit.only()->mentions("all hot-plug of PCI devices on this host waits")) << audit;
  EXPECT_TRUE(audit.only()->mentions(fmt::format("rescanner {}", behind->pid()))) << audit;

  qemu.kill();
  remover->wait_for_death();
  behind->wait_for_death();
  wait_until("the device to be back", [this] { return device_->driver() == kNativeDriver; });
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(DeviceWait, UnbindAndRemovalOfAnIdleDeviceDoNot) {
  const auto unbinder =
      cast_writer("remover", drivers_file("vfio-pci", "unbind"), device_->address());
  unbinder->resume_only();
  unbinder->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
  for (const auto& path : {device_->sysfs_file("remove"), std::string("/sys/bus/pci/rescan")}) {
    const auto writer = cast_writer("remover", path, "1");
    writer->resume_only();
    writer->wait_for_death();
  }
  wait_until("the device to be back", [this] { return device_->driver() == kNativeDriver; });
  EXPECT_TRUE(is_clean(run_audit()));
}

// What a driver does while it waits for its hardware.
struct DriverWait {
  const char* name;
  const char* stage;  // of the module's stall
  const char* rule;
  const char* function;  // in which it hangs
  bool bound;            // the driver has the device before
  // The device is near a CPU, so a worker there probes it.
  bool near_a_cpu = false;
};

std::ostream& operator<<(std::ostream& stream, const DriverWait& wait) {
  return stream << wait.name;
}

class DeviceHung : public testing::TestWithParam<DriverWait> {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no device to spare");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    module_ = std::make_unique<LeakModule>();
    device_ =
        std::make_unique<PciDevice>(devices[0], GetParam().bound ? LeakModule::kPciDriver : "");
    if (!GetParam().bound) device_->override_driver(LeakModule::kPciDriver);
    if (GetParam().near_a_cpu) set_node("0");
  }

  void TearDown() override {
    if (GetParam().near_a_cpu) set_node("-1");
  }

  void set_node(const char* node) const {
    const auto writer = cast_writer("admin", device_->sysfs_file("numa_node"), node);
    writer->resume_only();
    writer->wait_for_death();
  }

  // Its task is called "admin".
  [[nodiscard]] std::unique_ptr<ChildProcess> cast_admin() const {
    const std::string stage = GetParam().stage;
    if (stage == "reset") return cast_writer("admin", device_->sysfs_file("reset"), "1");
    const auto file = stage == "remove" ? drivers_file(LeakModule::kPciDriver, "unbind")
                                        : std::string("/sys/bus/pci/drivers_probe");
    return cast_writer("admin", file, device_->address());
  }

  std::unique_ptr<PciDevice> device_;
  std::unique_ptr<LeakModule> module_;  // wakes before the device is given back
};

TEST_P(DeviceHung, IsHeldByItsDriverUntilThatComesBack) {
  module_->stall_pci(device_->address(), GetParam().stage);
  const auto admin = cast_admin();
  admin->resume_only();
  const auto* function = GetParam().near_a_cpu ? "work_on_cpu" : GetParam().function;
  wait_until("the driver to hang", [&] { return is_inside(admin->pid(), function); });

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  const auto* finding = audit.only();
  ASSERT_NE(finding, nullptr) << audit;
  EXPECT_EQ(rule_of(*finding), GetParam().rule) << audit;
  EXPECT_EQ(finding->kind(), "pci_device") << audit;
  EXPECT_TRUE(finding->blocks_device(device_->address())) << audit;
  EXPECT_TRUE(finding->mentions(fmt::format("admin {} (state D)", admin->pid()))) << audit;
  EXPECT_TRUE(finding->mentions(GetParam().function)) << audit;

  module_->wake();
  admin->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_P(DeviceHung, IsFineWhenItsDriverAnswers) {
  const auto admin = cast_admin();
  admin->resume_only();
  admin->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

INSTANTIATE_TEST_SUITE_P(
    Driver, DeviceHung,
    testing::Values(DriverWait{"Reset", "reset", "reset-hung", "vmleak_test_reset_prepare", true},
                    DriverWait{"Remove", "remove", "driver-hung", "vmleak_test_remove", true},
                    DriverWait{"Probe", "probe", "driver-hung", "vmleak_test_probe", false},
                    DriverWait{"ProbeByAWorker", "probe", "driver-hung", "vmleak_test_probe", false,
                               true}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace vmleak::scenarios
