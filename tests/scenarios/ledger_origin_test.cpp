// SPDX-License-Identifier: Apache-2.0

// On an armed host a leak has an origin: class, function, process, time.

#include <fmt/chrono.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "support/actors.h"
#include "support/armed.h"
#include "support/audit.h"
#include "support/kvm_vm.h"
#include "support/leak_module.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

using nlohmann::json;

// As findings have it, without the fraction of a second.
std::string utc_now() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}", parts);
}

class LedgerOrigin : public testing::Test {
 protected:
  // Arming takes longer than most of these scenarios.
  static void SetUpTestSuite() {
    if (in_lab()) armed_ = std::make_unique<Armed>();
  }
  static void TearDownTestSuite() { armed_.reset(); }

  void SetUp() override {
    REQUIRE_LAB("this machine's kernel refuses hooks");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    device_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
    leak_ = std::make_unique<LeakModule>();
  }

  void TearDown() override {
    leak_.reset();
    device_.reset();
  }

  // Some origin of that finding has this class and function and this process.
  static testing::AssertionResult has_origin(const Finding& finding, std::string_view cls,
                                             std::string_view function, pid_t pid,
                                             std::string_view comm) {
    const auto& origins = finding.raw().at("origins");
    const bool found = std::any_of(origins.begin(), origins.end(), [&](const json& origin) {
      return origin.at("class") == cls && origin.at("function") == function &&
             origin.at("pid") == pid && origin.at("comm") == comm && origin.at("references") == 1 &&
             !origin.at("stack").empty() && origin.at("time").is_string();
    });
    if (found) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "no origin " << cls << " in " << function << " by "
                                       << comm << ' ' << pid << " among " << origins.dump(2);
  }

  // The only finding, which names who took what is leaked.
  static void expect_leak(std::string_view kind, std::string_view cls, std::string_view function,
                          pid_t pid, std::string_view comm) {
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "leaked"));
    const auto* finding = audit.find(kind, "leaked");
    ASSERT_NE(finding, nullptr) << audit;
    EXPECT_TRUE(has_origin(*finding, cls, function, pid, comm));
    EXPECT_EQ(audit.document.at("coverage").at("tier"), "full");
    EXPECT_TRUE(audit.document.at("coverage").at("armed_since").is_string());
  }

  // Everything given back, nothing left in the ledger, and nothing lost.
  void expect_clean_sheet() const {
    leak_->put_all();
    EXPECT_TRUE(is_clean(run_audit()));
    const auto status = armed_->status();
    EXPECT_EQ(status.at("ledger").at("entries"), 0) << status.dump(2);
    EXPECT_TRUE(status.at("losses").empty()) << status.dump(2);
  }

  std::unique_ptr<PciDevice> device_;
  std::unique_ptr<LeakModule> leak_;
  static std::unique_ptr<Armed> armed_;
};

std::unique_ptr<Armed> LedgerOrigin::armed_;

TEST_F(LedgerOrigin, NothingLeaked) {
  const auto vmm = cast_passthrough_vmm(*device_);
  EXPECT_TRUE(is_clean(run_audit()));
  EXPECT_GT(armed_->entries(), 0);
  vmm->kill();
  expect_clean_sheet();
}

TEST_F(LedgerOrigin, VmFile) {
  const auto vmm = cast_vmm();
  leak_->keep_file(vmm->pid(), vmm->value());
  vmm->kill();
  expect_leak("kvm", "kvm/vm-file", "kvm_dev_ioctl", vmm->pid(), "vmm");
  expect_clean_sheet();
}

TEST_F(LedgerOrigin, VcpuFile) {
  const auto vmm = cast_vmm();
  leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), "anon_inode:kvm-vcpu"));
  vmm->kill();
  expect_leak("kvm", "kvm/vcpu-file", "kvm_vm_ioctl", vmm->pid(), "vmm");
  expect_clean_sheet();
}

TEST_F(LedgerOrigin, QemusDeviceFile) {
  Qemu qemu({.vfio_devices = {device_->address()}});
  leak_->keep_file(qemu.pid(), qemu.fd("anon_inode:[vfio-device]"));
  qemu.kill();
  expect_leak("vfio_device", "vfio-device/file", "vfio_group_fops_unl_ioctl", qemu.pid(),
              "qemu-system-x86");
  expect_clean_sheet();
}

TEST_F(LedgerOrigin, GroupFile) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), device_->group_path()));
  vmm->kill();
  expect_leak("vfio_group", "vfio-group/file", "vfio_group_fops_open", vmm->pid(), "vmm");
  expect_clean_sheet();
}

// In no list of the kernel: it is the ledger that leads to it.
TEST_F(LedgerOrigin, ContainerFile) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), "/dev/vfio/vfio"));
  vmm->kill();
  expect_leak("vfio_container", "vfio-container/file", "vfio_fops_open", vmm->pid(), "vmm");
  expect_clean_sheet();
}

// A get without a token, by a module that is neither KVM nor VFIO.
TEST_F(LedgerOrigin, ModulesOwnGet) {
  const auto vmm = cast_vmm();
  leak_->keep_kvm(vmm->pid(), vmm->value());
  vmm->kill();
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "leaked"));
  const auto* finding = audit.find("kvm", "leaked");
  ASSERT_NE(finding, nullptr) << audit;
  const auto& origins = finding->raw().at("origins");
  const bool found = std::any_of(origins.begin(), origins.end(), [](const json& origin) {
    if (origin.at("module") != "vmleak_test_leak" || origin.at("references") != 1) return false;
    const auto& candidates = origin.at("candidates");
    return candidates.size() == 1 && candidates[0].at("function") == "take_kvm" &&
           candidates[0].at("pid") == ::getpid() && !candidates[0].at("stack").empty();
  });
  EXPECT_TRUE(found) << origins.dump(2);
  expect_clean_sheet();
}

// Nothing that it took has gone through a hook: that is said, nothing invented.
TEST_F(LedgerOrigin, DeviceRegistration) {
  const auto vmm = cast_passthrough_vmm(*device_);
  leak_->keep_vfio_device(vmm->pid(), vmm->value());
  vmm->kill();
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "leaked"));
  const auto* finding = audit.find("vfio_device", "leaked");
  ASSERT_NE(finding, nullptr) << audit;
  for (const auto& origin : finding->raw().at("origins")) {
    EXPECT_NE(origin.at("class"), "vfio-device/file") << origin.dump(2);
  }
  expect_clean_sheet();
}

// Another process goes on with the VM: who took the reference stays who it was.
TEST_F(LedgerOrigin, TakenOver) {
  const auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), vmm->value());
  vmm->kill();
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  const auto* finding = audit.find("kvm", "held");
  ASSERT_NE(finding, nullptr) << audit;
  EXPECT_TRUE(finding->ends_in(holder->pid())) << audit;
  EXPECT_TRUE(has_origin(*finding, "kvm/vm-file", "kvm_dev_ioctl", vmm->pid(), "vmm"));
  holder->kill();
  expect_clean_sheet();
}

// Two takes from one place and one drop: the one that is still out survives.
TEST_F(LedgerOrigin, OneOfTwo) {
  ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto first = vm.open_stats();
    stage.pause(first.get());
    const auto second = vm.open_stats();
    stage.pause(second.get());
  });
  leak_->keep_file(vmm.pid(), vmm.value());
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const auto between = utc_now();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  vmm.resume();
  vmm.kill();
  expect_leak("kvm", "kvm/vm-stats-file", "kvm_vm_ioctl", vmm.pid(), "vmm");
  const auto audit = run_audit();
  const auto& origins = audit.only()->raw().at("origins");
  ASSERT_EQ(origins.size(), 1U) << origins.dump(2);
  EXPECT_LT(origins[0].at("time").get<std::string>(), between);
  expect_clean_sheet();
}

// At the address of a VM that had a history another one begins with none.
TEST_F(LedgerOrigin, AddressThatComesBack) {
  for (int life = 0; life < 3; ++life) {
    const auto vmm = cast_vmm();
    leak_->keep_kvm(vmm->pid(), vmm->value());
    leak_->keep_file(vmm->pid(), vmm->value());
    vmm->kill();
    EXPECT_EQ(run_audit({"--settle", "1"}).verdict(), "leaked");
    expect_clean_sheet();
  }
  const auto vmm = cast_vmm();
  const auto audit = run_audit();
  EXPECT_TRUE(is_clean(audit));
  EXPECT_TRUE(audit.document.at("losses").empty()) << audit;
}

// Whoever held something when it was armed is no suspect.
TEST_F(LedgerOrigin, Preexisting) {
  armed_.reset();
  const auto vmm = cast_passthrough_vmm(*device_);
  armed_ = std::make_unique<Armed>();
  const auto status = armed_->status();
  EXPECT_GT(status.at("ledger").at("preexisting"), 0) << status.dump(2);
  EXPECT_TRUE(is_clean(run_audit()));
  vmm->kill();
  expect_clean_sheet();
}

}  // namespace
}  // namespace vmleak::scenarios
