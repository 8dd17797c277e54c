// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "executor/process_handle.h"
#include "executor/program.h"
#include "executor/step_actions.h"
#include "host/process_stat.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAddress = "0000:8a:00.0";

// A /sys with one device, laid out with links as the kernel does.
class Steps : public ::testing::Test {
 protected:
  Steps() {
    tree_.file("/sys/devices/pci0000:80/0000:8a:00.0/vendor", "0x10de\n")
        .file("/sys/devices/pci0000:80/0000:8a:00.0/device", "0x20b0\n")
        .file("/sys/devices/pci0000:80/0000:8a:00.0/driver_override", "(null)\n")
        .file("/sys/devices/pci0000:80/0000:8a:00.0/remove", "")
        .file("/sys/bus/pci/drivers/vfio-pci/unbind", "")
        .file("/sys/bus/pci/drivers_probe", "")
        .file("/sys/bus/pci/rescan", "")
        .link("/sys/bus/pci/devices/0000:8a:00.0", "../../../devices/pci0000:80/0000:8a:00.0");
  }
  void bind(const std::string& driver) {
    tree_.directory("/sys/bus/pci/drivers/" + driver)
        .link("/sys/devices/pci0000:80/0000:8a:00.0/driver", "../../../bus/pci/drivers/" + driver);
  }
  StepLook look(const PlanStep& step) {
    const auto sysfs = Sysfs::open(tree_.root());
    return sysfs ? look_at_step(tree_.root(), *sysfs, step) : StepLook{};
  }
  Status act(const PlanStep& step) {
    const auto sysfs = Sysfs::open(tree_.root());
    if (!sysfs) return sysfs.error();
    return do_step(tree_.root(), *sysfs, step);
  }
  std::string text(const std::string& path) {
    std::ifstream file(tree_.at(path));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  HostTree tree_;
};

TEST_F(Steps, UnbindWritesTheAddressToItsDriver) {
  bind("vfio-pci");
  const auto step = unbind_step(kAddress, "vfio-pci");
  EXPECT_EQ(look(step).state, "on vfio-pci");
  EXPECT_FALSE(look(step).done);
  EXPECT_EQ(look(step).why_not, "");
  ASSERT_TRUE(act(step));
  EXPECT_EQ(text("/sys/bus/pci/drivers/vfio-pci/unbind"), kAddress);
}

TEST_F(Steps, UnbindIsDoneWithoutADriverAndNotDoneUnderAnother) {
  const auto step = unbind_step(kAddress, "vfio-pci");
  EXPECT_TRUE(look(step).done);
  bind("nvidia");
  EXPECT_THAT(look(step).why_not, HasSubstr("is on nvidia, not on vfio-pci"));
}

TEST_F(Steps, NothingIsRemovedUnderADriver) {
  const auto step = remove_step(kAddress);
  EXPECT_EQ(look(step).why_not, "");
  ASSERT_TRUE(act(step));
  EXPECT_EQ(text("/sys/devices/pci0000:80/0000:8a:00.0/remove"), "1");
  bind("vfio-pci");
  EXPECT_THAT(look(step).why_not, HasSubstr("never removed under a driver"));
}

TEST_F(Steps, AnOverrideIsTakenBackByAnEmptyLine) {
  EXPECT_TRUE(look(override_step(kAddress, "")).done) << "(null) is none";
  ASSERT_TRUE(act(override_step(kAddress, "vfio-pci")));
  EXPECT_TRUE(look(override_step(kAddress, "vfio-pci")).done);
  EXPECT_FALSE(look(override_step(kAddress, "")).done);
}

TEST_F(Steps, ADeviceIsBackOnlyAsWhatItWas) {
  EXPECT_TRUE(look(await_device_step(kAddress, 0x10de, 0x20b0)).done);
  const auto other = look(await_device_step(kAddress, 0x10de, 0x20b1));
  EXPECT_FALSE(other.done);
  EXPECT_EQ(other.state, "there as 10de:20b0, no driver");
  EXPECT_EQ(look(await_device_step("0000:8b:00.0", 0x10de, 0x20b0)).state, "not there");
}

TEST_F(Steps, ADriverOfTheHostIsNoneOfVfio) {
  const auto step = expect_native_step(kAddress);
  EXPECT_FALSE(look(step).done);
  bind("vfio-pci");
  EXPECT_FALSE(look(step).done);
  std::filesystem::remove(tree_.at("/sys/devices/pci0000:80/0000:8a:00.0/driver"));
  bind("nvidia");
  EXPECT_TRUE(look(step).done);
}

TEST_F(Steps, RescanIsDoneAlways) {
  EXPECT_FALSE(look(rescan_step("")).done);
  ASSERT_TRUE(act(rescan_step("")));
  EXPECT_EQ(text("/sys/bus/pci/rescan"), "1");
}

TEST_F(Steps, AFailedWriteSaysWhatAndWhy) {
  const auto failed = act(reset_step(kAddress, {"flr"}));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message,
              HasSubstr("open /sys/bus/pci/devices/0000:8a:00.0/reset: No such file"));
}

// The journal's steps are carried out again: whoever wrote it has not chosen
// what file is written.
TEST_F(Steps, NamesThatLeadElsewhereAreRefused) {
  tree_.file("/sys/secret", "").file("/outside", "");
  for (const auto& step :
       {unbind_step("../../../secret", "vfio-pci"), unbind_step(kAddress, "../../.."),
        remove_step("0000:8A:00.0"), load_module_step("../x"), override_step(kAddress, "a/b")}) {
    EXPECT_FALSE(act(step)) << step.text;
    EXPECT_NE(look(step).why_not, "") << step.text;
  }
  EXPECT_EQ(text("/sys/secret"), "");
}

TEST_F(Steps, NoLinkLeadsOutOfSys) {
  tree_.file("/outside/remove", "");
  tree_.link("/sys/bus/pci/devices/0000:8b:00.0", "../../../../outside");
  EXPECT_FALSE(act(remove_step("0000:8b:00.0")));
  tree_.link("/sys/bus/pci/devices/0000:8c:00.0", tree_.at("/outside").string());
  EXPECT_FALSE(act(remove_step("0000:8c:00.0")));
  EXPECT_EQ(text("/outside/remove"), "");
}

TEST(Program, RunsWithoutAShell) {
  EXPECT_TRUE(run_program({"/bin/true"}));
  const auto failed = run_program({"/bin/ls", "/nonexistent; echo hello"});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("run /bin/ls: exit status 2: "));
  EXPECT_THAT(failed.error().message, HasSubstr("No such file"));
  EXPECT_FALSE(run_program({"true"})) << "no search along PATH";
  EXPECT_FALSE(run_program({"/nonexistent"}));
}

// A child that waits for signals, and when it began.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ != 0) return;
    while (true) ::pause();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint64_t start_time_ns() const {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    const auto text = HostRoot().read(fmt::format("/proc/{}/stat", pid_));
    const auto stat = text ? parse_task_stat(*text) : std::nullopt;
    return stat ? stat->start_ticks * (kSecond / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)))
                : 0;
  }

 private:
  pid_t pid_;
};

TEST(Processes, AreKnownByPidAndStart) {
  const Child child;
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const HostRoot root;
  const auto same = ProcessHandle::open(root, child.pid(), child.start_time_ns());
  ASSERT_TRUE(same && *same);
  EXPECT_FALSE((*same)->has_ended());
  EXPECT_THAT((*same)->state(root), ::testing::MatchesRegex("state [SR].*"));
  const auto other = ProcessHandle::open(root, child.pid(), child.start_time_ns() - kSecond);
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other) << "a PID that was given to another process";
}

TEST_F(Steps, AProcessIsAskedThenEnded) {
  const Child child;
  const auto sysfs = Sysfs::open(tree_.root());
  ASSERT_TRUE(sysfs);
  const HostRoot root;
  const auto kill = signal_step(child.pid(), child.start_time_ns(), "child", "KILL");
  EXPECT_FALSE(look_at_step(root, *sysfs, kill).done);
  ASSERT_TRUE(do_step(root, *sysfs, kill));
  ASSERT_TRUE(
      do_step(root, *sysfs, await_exit_step(child.pid(), child.start_time_ns(), "child", "KILL")));
  EXPECT_TRUE(look_at_step(root, *sysfs, kill).done) << "a zombie has ended";
}

}  // namespace
}  // namespace vmleak
