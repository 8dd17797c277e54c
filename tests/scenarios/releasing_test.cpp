// SPDX-License-Identifier: Apache-2.0

// Scenarios 13 to 15: slow is not leaked.  Each ends with the host clean.

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "support/actors.h"
#include "support/audit.h"
#include "support/leak_module.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/requirement.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

class Releasing : public testing::Test {
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

  // Nothing is leaked, something is on its way out, and this process is why.
  static void expect_releasing(pid_t pid, std::string_view waiting_for) {
    const auto audit = run_audit();
    EXPECT_EQ(audit.run.exit_code, 0) << audit;
    EXPECT_EQ(audit.verdict(), "releasing") << audit;
    bool explained = false;
    for (const auto& finding : audit.findings) {
      EXPECT_EQ(finding.verdict(), "releasing") << audit;
      explained |= finding.mentions(waiting_for) && finding.mentions(std::to_string(pid));
    }
    EXPECT_TRUE(explained) << waiting_for << " of " << pid << " is not in " << audit;
  }

  std::unique_ptr<PciDevice> device_;
  std::unique_ptr<LeakModule> leak_;
};

// Its other descriptors are closed already, and none of them is released.
TEST_F(Releasing, QemuStuckInItsExit) {
  Qemu qemu({.vfio_devices = {device_->address()}, .inherited = {{LeakModule::kDevice, 9}}});
  leak_->stall_exit("qemu");
  qemu.kill_only();
  wait_until("QEMU to be stuck", [&] { return is_inside(qemu.pid(), "leak_flush"); });
  ASSERT_LT(find_fd(qemu.pid(), ""), 0) << "/proc shows its files";
  expect_releasing(qemu.pid(), "leak_flush");

  leak_->wake();
  qemu.wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

// The list of files to put is a local variable of task_work_run(): while the
// first is being released, the others are in no table.
TEST_F(Releasing, FilesBehindAStalledRelease) {
  Qemu qemu({.vfio_devices = {device_->address()}, .inherited = {{LeakModule::kDevice, 200}}});
  leak_->stall_release("qemu");
  qemu.kill_only();
  wait_until("QEMU to be stuck", [&] { return is_inside(qemu.pid(), "leak_release"); });
  expect_releasing(qemu.pid(), "task_work_run");

  leak_->wake();
  qemu.wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

// A core_pattern for one scenario.
class CorePattern {
 public:
  explicit CorePattern(const std::string& pattern) {
    std::getline(std::ifstream(kFile), original_);
    std::ofstream(kFile) << pattern;
  }
  CorePattern(const CorePattern&) = delete;
  CorePattern& operator=(const CorePattern&) = delete;
  ~CorePattern() { std::ofstream(kFile) << original_; }

 private:
  static constexpr const char* kFile = "/proc/sys/kernel/core_pattern";
  std::string original_;
};

// The handler never reads, so the dump waits once the pipe to it is full.
TEST_F(Releasing, CoreDump) {
  const CorePattern pattern("|/bin/sleep 654321");
  const auto vmm = cast_passthrough_vmm(*device_);
  ::kill(vmm->pid(), SIGABRT);
  wait_until("the core dump to begin",
             [&] { return process_status(vmm->pid(), "CoreDumping") == "1"; });
  expect_releasing(vmm->pid(), "dump");

  for (const pid_t handler : processes_running("/bin/sleep 654321")) ::kill(handler, SIGKILL);
  vmm->wait_for_death();
  EXPECT_TRUE(is_clean(run_audit()));
}

}  // namespace
}  // namespace vmleak::scenarios
