// SPDX-License-Identifier: Apache-2.0

// Modules of the kernel without the one line that gives a reference back
// (tests/lab/bugs).  Each scenario also runs with its module rebuilt as it is,
// and then there is nothing to find.

#include <gtest/gtest.h>
#include <linux/vfio.h>

#include "support/audit.h"
#include "support/child_process.h"
#include "support/device_on_vfio.h"
#include "support/eventfds.h"
#include "support/kernel_bug.h"
#include "support/kvm_vm.h"
#include "support/requirement.h"
#include "support/vfio_user.h"
#include "support/vhost.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

// What other bugs of this boot left stays.
class Case {
 public:
  explicit Case(Kernel kernel) : kernel_(kernel), before_(run_audit()) {}

  // One more finding: this many references of such an object that nobody holds.
  void expect_leaked(std::string_view kind, std::string_view counter) const {
    const auto after = run_audit();
    const auto found = new_findings(before_, after);
    if (kernel_ == Kernel::kRebuilt) {
      EXPECT_TRUE(found.empty()) << after;
      return;
    }
    ASSERT_EQ(found.size(), 1U) << after;
    EXPECT_EQ(found[0].verdict(), "leaked") << after;
    EXPECT_EQ(found[0].kind(), kind) << after;
    EXPECT_EQ(found[0].unaccounted(counter), 1) << after;
    EXPECT_EQ(found[0].unaccounted(), 1) << after;
    EXPECT_EQ(after.run.exit_code, 3) << after;
  }

 private:
  Kernel kernel_;
  Audit before_;
};

#define REQUIRE_BUG(name, bug, module)        \
  const auto name = kernel_with(bug, module); \
  if (name == Kernel::kOther) GTEST_SKIP() << "this kernel is not rebuilt"

TEST(KernelBugKvm, StatisticsForgetTheVm) {
  REQUIRE_BUG(kernel, "kvm-stats-release", "kvm");
  const Case known(kernel);
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
  known.expect_leaked("kvm", "users_count");
}

TEST(KernelBugVhost, ForgetsTheAddressSpace) {
  REQUIRE_BUG(kernel, "vhost-mm", "vhost");
  const Case known(kernel);
  ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    VhostNet vhost;
    vhost.start();
    stage.pause();
  });
  vmm.kill();
  known.expect_leaked("mm", "mm_users");
}

// No counter of an object that vmleak knows: it is the number of the context
// that shows the leak.
class KernelBugEventFd : public DeviceOnVfio {
 protected:
  void expect_leaked_context(Kernel kernel, unsigned irq_index) const {
    ChildProcess vmm("vmm", [this, irq_index](const Stage& stage) {
      VfioUser vfio(device_->group_path(), device_->address());
      vfio.open_all();
      const auto event = make_eventfd();
      set_trigger(vfio.device(), irq_index, event.get());
      stage.pause(number_of(event));
    });
    ASSERT_TRUE(has_eventfd_context(vmm.value()));
    vmm.kill();
    // The last reference may be given back after a grace period (RCU).
    const bool gone =
        holds_within(std::chrono::seconds(3), [&] { return !has_eventfd_context(vmm.value()); });
    EXPECT_EQ(gone, kernel == Kernel::kRebuilt);
  }
};

TEST_F(KernelBugEventFd, CloseForgetsTheOneOfRequests) {
  REQUIRE_BUG(kernel, "vfio-eventfd-request", "vfio-pci-core");
  expect_leaked_context(kernel, VFIO_PCI_REQ_IRQ_INDEX);
}

TEST_F(KernelBugEventFd, CloseForgetsTheOneOfAVector) {
  REQUIRE_BUG(kernel, "vfio-eventfd-vector", "vfio-pci-core");
  expect_leaked_context(kernel, VFIO_PCI_MSIX_IRQ_INDEX);
}

// The bugs are not in the put of the other triggers.
TEST_F(KernelBugEventFd, CloseGivesBackTheOneOfErrors) {
  REQUIRE_BUG(kernel, "vfio-eventfd-request", "vfio-pci-core");
  expect_leaked_context(Kernel::kRebuilt, VFIO_PCI_ERR_IRQ_INDEX);
}

class KernelBugGroup : public DeviceOnVfio {};

// Of a device that is never opened.
TEST_F(KernelBugGroup, KvmVfioForgetsTheFile) {
  REQUIRE_BUG(kernel, "kvm-vfio-release", "kvm");
  const Case known(kernel);
  ChildProcess vmm("vmm", [this](const Stage& stage) {
    VfioUser vfio(device_->group_path(), device_->address());
    vfio.open_group();
    KvmVm vm;
    vm.add_vfio_device();
    vm.give_vfio_group(vfio.group());
    stage.pause();
  });
  vmm.kill();
  known.expect_leaked("vfio_group", "f_count");
}

TEST_F(KernelBugGroup, LastCloseOfADeviceForgetsTheFile) {
  REQUIRE_BUG(kernel, "vfio-last-close", "vfio");
  const Case known(kernel);
  ChildProcess vmm("vmm", [this](const Stage& stage) {
    VfioUser vfio(device_->group_path(), device_->address());
    vfio.open_all();
    stage.pause();
  });
  vmm.kill();
  known.expect_leaked("vfio_group", "f_count");
}

}  // namespace
}  // namespace vmleak::scenarios
