// SPDX-License-Identifier: Apache-2.0

// The ghost device from end to end: a domain of a real libvirtd is deleted, its
// device stays occupied, vmleak says why and gives it back, the next domain
// starts with it.

#include <gtest/gtest.h>

#include <memory>

#include "support/actors.h"
#include "support/audit.h"
#include "support/leak_module.h"
#include "support/passed_device.h"
#include "support/process_files.h"
#include "support/release.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

class ReleaseDomain : public PassedDevice {
 protected:
  // The device waits on vfio-pci for domains that leave it there.
  void park_device() { device_->bind("vfio-pci"); }

  [[nodiscard]] std::unique_ptr<LibvirtDomain> domain(bool managed) const {
    return std::make_unique<LibvirtDomain>(with_device(managed));
  }
  [[nodiscard]] std::unique_ptr<LibvirtDomain> next_domain() const {
    return std::make_unique<LibvirtDomain>(
        LibvirtDomainOptions{.name = "gpu-08",
                             .uuid = "9c1d6c5e-30a1-4e0a-a1c5-02fd2cf5a8b7",
                             .host_devices = {device_->address()},
                             .managed = false});
  }
};

TEST_F(ReleaseDomain, TheHolderOfTheGroupFileIsEnded) {
  park_device();
  auto deleted = domain(false);
  deleted->start();
  const auto holder = cast_holder(deleted->pid(), find_fd(deleted->pid(), device_->group_path()));
  deleted->remove();
  auto next = next_domain();
  ASSERT_FALSE(next->try_start().succeeded());

  const auto audit = run_audit();
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_EQ(audit.only()->verdict(), "held") << audit;
  EXPECT_TRUE(audit.only()->ends_in(holder->pid())) << audit;
  EXPECT_EQ(audit.only()->raw().at("owner").at("name"), "gpu-07") << audit;

  const auto plan = run_release(device_->address());
  EXPECT_EQ(plan.exit_code(), 5) << plan;
  EXPECT_EQ(plan.action(), "close-holder") << plan;
  EXPECT_TRUE(plan.mentions("holder " + std::to_string(holder->pid()))) << plan;
  EXPECT_TRUE(plan.leads_to("vmleak release " + device_->address() + " --action close-holder"))
      << plan;
  EXPECT_EQ(run_release(device_->address(), {"--yes"}).exit_code(), 5)
      << "a process is ended only by name of the action";

  const auto done = run_release(device_->address(), {"--action", "close-holder", "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.outcome(), "released") << done;
  holder->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
  next->start();
}

TEST_F(ReleaseDomain, AGroupFileLeakedInTheKernelIsCuredByRemovalAndRescan) {
  const LeakModule leak;
  park_device();
  auto deleted = domain(false);
  deleted->start();
  leak.keep_file(deleted->pid(), find_fd(deleted->pid(), device_->group_path()));
  deleted->remove();
  auto next = next_domain();
  ASSERT_FALSE(next->try_start().succeeded());

  const auto plan = run_release("gpu-07");
  EXPECT_EQ(plan.exit_code(), 0) << plan;
  EXPECT_EQ(plan.action(), "remove-rescan") << plan;
  const auto done = run_release("gpu-07", {"--plan", plan.plan_id(), "--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.outcome(), "released") << done;
  EXPECT_EQ(done.result_of("unbind"), "done") << done;
  EXPECT_EQ(done.result_of("remove"), "done") << done;
  EXPECT_EQ(device_->driver(), "vfio-pci");
  next->start();
  next->remove();
}

TEST_F(ReleaseDomain, ADeviceFileLeakedInTheKernelIsLeftAlone) {
  park_device();
  auto deleted = domain(false);
  {
    const LeakModule leak;
    deleted->start();
    leak.keep_file(deleted->pid(), find_fd(deleted->pid(), "anon_inode:[vfio-device]"));
    deleted->remove();
    for (const std::vector<std::string>& options : {std::vector<std::string>{"--yes"},
                                                    {"--yes", "--action", "remove-rescan"},
                                                    {"--yes", "--action", "rebind"}}) {
      const auto refused = run_release(device_->address(), options);
      EXPECT_EQ(refused.exit_code(), 5) << refused;
      EXPECT_EQ(refused.outcome(), "") << refused;
      EXPECT_TRUE(refused.mentions("block for ever")) << refused;
    }
    EXPECT_TRUE(run_release(device_->address()).is_blocked_by("only a reboot gives it back"));
    EXPECT_TRUE(rescan_ends_within(kPatience));
    EXPECT_EQ(device_->driver(), "vfio-pci");
  }
  // Given back, it is no more than left on vfio-pci.
  const auto audit = run_audit();
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_EQ(audit.only()->verdict(), "stale") << audit;
}

TEST_F(ReleaseDomain, ADeviceThatLibvirtForgotGoesBackToItsDriver) {
  auto deleted = domain(true);
  deleted->start();
  ASSERT_EQ(device_->driver(), "vfio-pci");
  deleted->crash_with_libvirtd();

  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "stale"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_EQ(audit.only()->raw().at("owner").at("name"), "gpu-07") << audit;

  const auto done = run_release(device_->address(), {"--yes"});
  EXPECT_EQ(done.exit_code(), 0) << done;
  EXPECT_EQ(done.action(), "rebind") << done;
  EXPECT_EQ(device_->driver(), kNativeDriver);
  EXPECT_TRUE(is_clean(run_audit()));
  LibvirtHost::get().start_libvirtd();
}

}  // namespace
}  // namespace vmleak::scenarios
