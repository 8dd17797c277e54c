// SPDX-License-Identifier: Apache-2.0

// Modules of the kernel without the one line that gives a reference back
// (tests/lab/bugs).  Each scenario also runs with its module rebuilt as it is,
// and then there is nothing to find.

#include <gtest/gtest.h>
#include <linux/vfio.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "support/armed.h"
#include "support/audit.h"
#include "support/books.h"
#include "support/child_process.h"
#include "support/eventfds.h"
#include "support/kernel_bug.h"
#include "support/kvm_vm.h"
#include "support/pci_device.h"
#include "support/vfio_user.h"
#include "support/vhost.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

using nlohmann::json;

// Each kernel has one of them.
using Functions = std::array<std::string_view, 2>;

// A bug and what an armed host says of it.
struct Bug {
  std::string_view name;
  std::string_view module;
  std::string_view cls;  // of the reference that is forgotten
  Functions taken_in;
  Functions forgotten_in;
};

constexpr Bug kStatistics{
    "kvm-stats-release", "kvm", "kvm/vm-stats-file", {"kvm_vm_ioctl"}, {"kvm_vm_stats_release"}};
constexpr Bug kKvmVfio{
    "kvm-vfio-release", "kvm", "file/kvm-vfio", {"kvm_vfio_set_attr"}, {"kvm_vfio_release"}};
constexpr Bug kLastClose{"vfio-last-close",
                         "vfio",
                         "file/vfio-device-open",
                         {"vfio_group_use_container", "vfio_device_assign_container"},
                         {"vfio_group_unuse_container", "vfio_device_unassign_container"}};
constexpr Bug kRequest{"vfio-eventfd-request",
                       "vfio-pci-core",
                       "eventfd/vfio-trigger",
                       {"vfio_pci_set_irqs_ioctl"},
                       {"vfio_pci_core_close_device"}};
constexpr Bug kVector{"vfio-eventfd-vector",
                      "vfio-pci-core",
                      "eventfd/vfio-trigger",
                      {"vfio_pci_set_irqs_ioctl"},
                      {"vfio_pci_core_close_device"}};
constexpr Bug kVhost{"vhost-mm", "vhost", "mm/vhost", {"vhost_dev_set_owner"}, {"vhost_detach_mm"}};

class KernelBug : public testing::Test {
 protected:
  // Takes longer than all else.
  static void SetUpTestSuite() {
    if (is_rebuilt_kernel()) armed_ = std::make_unique<Armed>();
  }
  static void TearDownTestSuite() { armed_.reset(); }

  // False: not this kernel's.
  bool begin(const Bug& bug) {
    bug_ = bug;
    kernel_ = kernel_with(bug.name, bug.module);
    return kernel_ != Kernel::kOther;
  }

  [[nodiscard]] static PciDevice take_device() { return {lab_devices("E1000E").at(0), "vfio-pci"}; }

  // One more finding: a reference of such an object that nobody holds, and who
  // took it.
  void expect_leaked(std::string_view kind, std::string_view counter, pid_t vmm) const {
    if (kernel_ == Kernel::kRebuilt) return expect_nothing_of(vmm);
    const auto [audit, found] = look();
    ASSERT_EQ(found.size(), 1U) << audit;
    const auto& finding = found[0];
    EXPECT_EQ(finding.verdict(), "leaked") << audit;
    EXPECT_EQ(finding.kind(), kind) << audit;
    EXPECT_EQ(finding.unaccounted(counter), 1) << audit;
    EXPECT_EQ(finding.unaccounted(), 1) << audit;
    EXPECT_EQ(audit.run.exit_code, 3) << audit;
    const auto& origins = finding.raw().at("origins");
    ASSERT_EQ(origins.size(), 1U) << audit;
    expect_forgotten_by(origins[0], vmm);
  }

  // Nor in the ledger.
  static void expect_nothing_of(pid_t vmm) {
    const auto [audit, found] = look();
    EXPECT_TRUE(found.empty()) << audit;
    const auto entries = Books::take().recorded_of(vmm);
    EXPECT_TRUE(entries.empty()) << json(entries).dump(2);
  }

  static std::pair<Audit, std::vector<Finding>> look() {
    auto audit = run_audit();
    auto found = new_findings(known_, audit);
    known_ = audit;
    return {std::move(audit), std::move(found)};
  }

  Kernel kernel_ = Kernel::kOther;

 private:
  void expect_forgotten_by(const json& origin, pid_t vmm) const {
    EXPECT_EQ(origin.at("references"), 1) << origin.dump(2);
    EXPECT_EQ(origin.at("state"), "forgotten") << origin.dump(2);
    EXPECT_EQ(origin.at("class"), bug_.cls) << origin.dump(2);
    EXPECT_TRUE(is_one_of(origin.at("function"), bug_.taken_in)) << origin.dump(2);
    EXPECT_EQ(origin.at("pid"), vmm) << origin.dump(2);
    EXPECT_EQ(origin.at("comm"), "vmm") << origin.dump(2);
    EXPECT_FALSE(origin.at("stack").empty()) << origin.dump(2);
    const auto& dropped = origin.at("dropped");
    EXPECT_TRUE(is_one_of(dropped.at("function"), bug_.forgotten_in)) << origin.dump(2);
    EXPECT_EQ(dropped.at("pid"), vmm) << origin.dump(2);
    EXPECT_EQ(dropped.at("comm"), "vmm") << origin.dump(2);
  }

  static bool is_one_of(const json& function, const Functions& functions) {
    return std::find(functions.begin(), functions.end(), function) != functions.end();
  }

  static std::unique_ptr<Armed> armed_;
  // What other bugs of this boot have left.
  static Audit known_;
  Bug bug_{};
};

std::unique_ptr<Armed> KernelBug::armed_;
Audit KernelBug::known_;

#define REQUIRE_BUG(bug) \
  if (!begin(bug)) GTEST_SKIP() << "this kernel is not rebuilt"

// Opens the device, sets this trigger and pauses, with the number of its
// eventfd; then closes the device and pauses again.
class TriggerUser {
 public:
  TriggerUser(const PciDevice& device, unsigned irq_index)
      : process_("vmm", [&device, irq_index](const Stage& stage) {
          VfioUser vfio(device.group_path(), device.address());
          vfio.open_all();
          const auto event = make_eventfd();
          set_trigger(vfio.device(), irq_index, event.get());
          stage.pause(number_of(event));
          vfio.close_files();
          stage.pause(number_of(event));
        }) {}

  ChildProcess& process() { return process_; }
  [[nodiscard]] bool has_context() const { return has_eventfd_context(process_.value()); }
  // The last reference may be given back after a grace period (RCU).
  [[nodiscard]] bool loses_context() const {
    return holds_within(std::chrono::seconds(3), [this] { return !has_context(); });
  }

 private:
  ChildProcess process_;
};

// The bugs are not in this trigger; and what the process itself keeps is no leak of
// the device.
TEST_F(KernelBug, CloseGivesBackTheEventFdOfErrors) {
  REQUIRE_BUG(kRequest);
  const auto device = take_device();
  TriggerUser vmm(device, VFIO_PCI_ERR_IRQ_INDEX);
  vmm.process().resume();
  EXPECT_TRUE(look().second.empty());
  EXPECT_TRUE(vmm.has_context());
  vmm.process().kill();
  EXPECT_TRUE(vmm.loses_context());
  expect_nothing_of(vmm.process().pid());
}

TEST_F(KernelBug, StatisticsForgetTheVm) {
  REQUIRE_BUG(kStatistics);
  ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto stats = vm.open_stats();
    stage.pause();
  });
  // The bug is in one kind of file only.
  ChildProcess twin("twin", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    const auto stats = vm.open_vcpu_stats(0);
    stage.pause();
  });
  vmm.kill();
  twin.kill();
  expect_leaked("kvm", "users_count", vmm.pid());
}

TEST_F(KernelBug, VhostForgetsTheAddressSpace) {
  REQUIRE_BUG(kVhost);
  ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    VhostNet vhost;
    vhost.start();
    stage.pause();
  });
  vmm.kill();
  expect_leaked("mm", "mm_users", vmm.pid());
}

// The number of the context shows the leak, whatever vmleak says.
TEST_F(KernelBug, CloseForgetsTheEventFdOfRequests) {
  REQUIRE_BUG(kRequest);
  const auto device = take_device();
  TriggerUser vmm(device, VFIO_PCI_REQ_IRQ_INDEX);
  ASSERT_TRUE(vmm.has_context());
  vmm.process().kill();
  EXPECT_EQ(vmm.loses_context(), kernel_ == Kernel::kRebuilt);
  expect_leaked("eventfd", "kref", vmm.process().pid());
}

TEST_F(KernelBug, CloseForgetsTheEventFdOfAVector) {
  REQUIRE_BUG(kVector);
  const auto device = take_device();
  TriggerUser vmm(device, VFIO_PCI_MSIX_IRQ_INDEX);
  ASSERT_TRUE(vmm.has_context());
  vmm.process().kill();
  EXPECT_EQ(vmm.loses_context(), kernel_ == Kernel::kRebuilt);
  expect_leaked("eventfd", "kref", vmm.process().pid());
}

// Of a device that is never opened.
TEST_F(KernelBug, KvmVfioForgetsTheGroupsFile) {
  REQUIRE_BUG(kKvmVfio);
  const auto device = take_device();
  ChildProcess vmm("vmm", [&device](const Stage& stage) {
    VfioUser vfio(device.group_path(), device.address());
    vfio.open_group();
    KvmVm vm;
    vm.add_vfio_device();
    vm.give_vfio_group(vfio.group());
    stage.pause();
  });
  vmm.kill();
  expect_leaked("vfio_group", "f_count", vmm.pid());
}

TEST_F(KernelBug, LastCloseOfADeviceForgetsTheGroupsFile) {
  REQUIRE_BUG(kLastClose);
  const auto device = take_device();
  ChildProcess vmm("vmm", [&device](const Stage& stage) {
    VfioUser vfio(device.group_path(), device.address());
    vfio.open_all();
    stage.pause();
  });
  vmm.kill();
  expect_leaked("vfio_group", "f_count", vmm.pid());
}

}  // namespace
}  // namespace vmleak::scenarios
