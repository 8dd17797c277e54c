// SPDX-License-Identifier: Apache-2.0

// Remedies of devices, without libvirt: groups of several functions, a plan that
// has become wrong, an unbind that blocks although nothing spoke against it, a
// run that is killed in the middle.

#include <gtest/gtest.h>

#include <memory>

#include "support/actors.h"
#include "support/audit.h"
#include "support/journal_watch.h"
#include "support/leak_module.h"
#include "support/pci_device.h"
#include "support/process_files.h"
#include "support/release.h"
#include "support/requirement.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

class ReleaseDevice : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("only the lab may load the leak module");
    leak_ = std::make_unique<LeakModule>();
  }
  void TearDown() override {
    // First, or the devices could not be given back.
    leak_.reset();
    devices_.clear();
  }

  // The lab's devices of that name on vfio-pci.
  const PciDevice& take(const std::string& name) {
    for (const auto& address : lab_devices(name)) {
      devices_.push_back(std::make_unique<PciDevice>(address, "vfio-pci"));
    }
    if (devices_.empty()) fail("start the lab with its device {}", name);
    return *devices_.front();
  }

  // Its VM is gone, and the kernel keeps the file of its group.
  void leak_group_file(const PciDevice& device) {
    const auto vmm = cast_passthrough_vmm(device);
    leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), device.group_path()));
    vmm->kill();
  }

  void expect_released(const PciDevice& device) {
    const auto done = run_release(device.address(), {"--yes"});
    EXPECT_EQ(done.exit_code(), 0) << done;
    EXPECT_EQ(done.action(), "remove-rescan") << done;
    for (const auto& other : devices_) {
      EXPECT_TRUE(done.mentions("/devices/" + other->address() + "/remove")) << done;
      EXPECT_EQ(other->driver(), "vfio-pci") << other->address();
    }
    // Its next user gets it.
    const auto vmm = cast_passthrough_vmm(device);
    vmm->kill();
  }

  std::unique_ptr<LeakModule> leak_;
  std::vector<std::unique_ptr<PciDevice>> devices_;
};

TEST_F(ReleaseDevice, AloneInItsGroup) {
  const auto& device = take("E1000E");
  leak_group_file(device);
  expect_released(device);
}

TEST_F(ReleaseDevice, TwoFunctionsOfOneDevice) {
  const auto& device = take("MULTIFUNCTION");
  leak_group_file(device);
  expect_released(device);
}

TEST_F(ReleaseDevice, TwoDevicesBehindABridge) {
  const auto& device = take("BRIDGE");
  leak_group_file(device);
  expect_released(device);
}

TEST_F(ReleaseDevice, AnIdleDeviceIsNoProblemOfItsOwn) {
  const auto& device = take("E1000E");
  const auto plan = run_release(device.address(), {"--action", "remove-rescan"});
  EXPECT_EQ(plan.exit_code(), 0) << plan;
  EXPECT_TRUE(plan.document.at("run").is_null()) << plan;
  EXPECT_EQ(device.driver(), "vfio-pci") << "a plan changes nothing";
}

TEST_F(ReleaseDevice, ADeviceOfALivingVmIsRefused) {
  const auto& device = take("E1000E");
  const auto vmm = cast_passthrough_vmm(device);
  for (const auto* action : {"rebind", "reset", "remove-rescan", "close-holder"}) {
    const auto refused = run_release(device.address(), {"--yes", "--action", action});
    EXPECT_EQ(refused.exit_code(), 5) << action << refused;
  }
  EXPECT_EQ(device.driver(), "vfio-pci");
  vmm->kill();
}

TEST_F(ReleaseDevice, APlanWhoseFactsHaveChangedIsRefused) {
  const auto& device = take("E1000E");
  leak_group_file(device);
  const auto plan = run_release(device.address());
  ASSERT_EQ(plan.exit_code(), 0) << plan;
  leak_->put_all();
  const auto refused = run_release(device.address(), {"--plan", plan.plan_id(), "--yes"});
  EXPECT_EQ(refused.exit_code(), 5) << refused;
  EXPECT_TRUE(refused.is_blocked_by("facts have changed")) << refused;
}

TEST_F(ReleaseDevice, AnOverrideThatWasLeftIsTakenBack) {
  const PciDevice device(lab_devices("E1000E").front(), "e1000e");
  device.override_driver("vfio-pci");
  const auto done = run_release(device.address(), {"--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.action(), "clear-override") << done;
  EXPECT_EQ(device.driver(), "e1000e");
  EXPECT_EQ(run_release(device.address()).action(), "") << "nothing is left to do";
}

TEST_F(ReleaseDevice, AResetIsDoneByName) {
  const auto& device = take("E1000E");
  const auto done = run_release(device.address(), {"--action", "reset", "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.result_of("reset"), "done") << done;
}

// What nobody can rule out: between the last look and the unbind the kernel
// takes a reference.
TEST_F(ReleaseDevice, AnUnbindThatBlocksIsReportedAndFinishedLater) {
  const auto& device = take("E1000E");
  {
    const auto vmm = cast_passthrough_vmm(device);
    leak_->keep_file(vmm->pid(), find_fd(vmm->pid(), device.group_path()));
    leak_->race_with_unbind(vmm->pid(), vmm->value());
    vmm->kill();
  }
  const auto blocked = run_release(device.address(), {"--yes", "--deadline", "3"});
  EXPECT_EQ(blocked.exit_code(), 3) << blocked;
  EXPECT_EQ(blocked.outcome(), "not released") << blocked;
  EXPECT_EQ(blocked.result_of("unbind"), "blocked") << blocked;
  EXPECT_TRUE(blocked.mentions("vfio_unregister_group_dev < ")) << "its stack: " << blocked;
  EXPECT_TRUE(blocked.mentions("waits for the device's last file to be closed")) << blocked;
  EXPECT_EQ(blocked.result_of("remove"), "") << "never removed under a driver: " << blocked;
  EXPECT_TRUE(rescan_ends_within(kPatience)) << "the host's PCI bus is blocked";

  const auto again = run_release(device.address(), {"--yes"});
  EXPECT_EQ(again.exit_code(), 5) << "it still waits: " << again;
  EXPECT_EQ(run_vmleak({"journal"}).exit_code, 3) << "a run is open";

  leak_->put_all();
  wait_until("the unbind to end", [&device] { return device.driver().empty(); });
  const auto finished = run_release(device.address(), {"--yes"});
  EXPECT_EQ(finished.exit_code(), 0) << finished;
  EXPECT_EQ(finished.action(), "finish") << finished;
  EXPECT_EQ(device.driver(), "vfio-pci");
  const auto journal = run_vmleak({"journal"});
  EXPECT_EQ(journal.exit_code, 0) << journal;
}

TEST_F(ReleaseDevice, ARunKilledBetweenRemovalAndRescanIsFinishedByTheNext) {
  const auto& device = take("E1000E");
  leak_group_file(device);
  {
    JournalWatch watch;
    Vmleak program(release_arguments(device.address(), {"--yes"}));
    watch.kill_at_end_of("remove", program.pid());
    EXPECT_EQ(program.finish().exit_code, 128 + SIGKILL);
  }
  ASSERT_FALSE(device.exists()) << "killed too late";

  const auto journal = run_vmleak({"journal"});
  EXPECT_EQ(journal.exit_code, 3) << journal;
  EXPECT_NE(journal.out.find("rescan"), std::string::npos) << journal;
  const auto finished = run_release(device.address(), {"--yes"});
  EXPECT_EQ(finished.exit_code(), 0) << finished;
  EXPECT_EQ(finished.action(), "finish") << finished;
  EXPECT_EQ(device.driver(), "vfio-pci");
  EXPECT_EQ(run_vmleak({"journal"}).exit_code, 0);
}

}  // namespace
}  // namespace vmleak::scenarios
