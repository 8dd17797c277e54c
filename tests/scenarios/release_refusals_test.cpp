// SPDX-License-Identifier: Apache-2.0

// What the host needs is not taken from it, each with the nearest thing that
// it does not need.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file_descriptor.h"
#include "support/check.h"
#include "support/child_process.h"
#include "support/command.h"
#include "support/pci_device.h"
#include "support/requirement.h"
#include "support/unix_passing.h"
#include "support/vmleak_cli.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kNothingToGive = "there is nothing to give back";

// Runs what it is given at the end of a scenario, also of one that fails.
class Afterwards {
 public:
  explicit Afterwards(std::function<void()> action) : action_(std::move(action)) {}
  Afterwards(const Afterwards&) = delete;
  Afterwards& operator=(const Afterwards&) = delete;
  ~Afterwards() {
    try {
      action_();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

 private:
  std::function<void()> action_;
};

// A whole `vmleak release TARGET --format json`.
struct Release {
  CliResult run;
  json plan{};

  [[nodiscard]] bool is_blocked_by(std::string_view text) const {
    return plan.at("blocked_by").dump().find(text) != std::string::npos;
  }
  // Whether the host's use stands in the way; nothing when that is not asked.
  [[nodiscard]] std::optional<bool> host_uses_met() const {
    for (const auto& condition : plan.at("preconditions")) {
      if (condition.at("name") == "host-uses") return condition.at("met").get<bool>();
    }
    return std::nullopt;
  }
};

Release release(const std::string& target, const std::string& action = "") {
  std::vector<std::string> arguments{"release", target, "--format", "json", "--no-wait"};
  if (!action.empty()) arguments.insert(arguments.end(), {"--action", action});
  Release out{.run = run_vmleak(arguments)};
  const auto document = json::parse(out.run.out, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) fail("not a document: {}{}", out.run.out, out.run.err);
  out.plan = document.at("plan");
  return out;
}

// Exit code 5, whatever it is asked for, and this is why.
testing::AssertionResult is_refused(const std::string& target, std::string_view why) {
  for (const auto* action : {"", "remove-rescan"}) {
    const auto it = release(target, action);
    if (it.run.exit_code != 5 || !it.is_blocked_by(why) || it.host_uses_met().value_or(false)) {
      return testing::AssertionFailure() << it.run;
    }
  }
  return testing::AssertionSuccess();
}

// Nothing to give back, but not because the host needs it.
testing::AssertionResult is_not_needed(const std::string& target) {
  const auto it = release(target);
  const auto named = release(target, "remove-rescan");
  const bool only = it.plan.at("blocked_by").size() == 1 && it.is_blocked_by(kNothingToGive);
  if (only && it.run.exit_code == 5 && named.host_uses_met() == true) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << it.run << named.run;
}

class Refusal : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_LAB("this machine has no PCI device to spare"); }
};

class RefusalDisk : public Refusal {
 protected:
  void SetUp() override {
    Refusal::SetUp();
    if (IsSkipped()) return;
    run_command({"modprobe", "nvme"});
    const auto addresses = lab_devices("NVME");
    ASSERT_EQ(addresses.size(), 1U) << "start the lab with --device nvme";
    device_ = std::make_unique<PciDevice>(addresses[0], "nvme");
    wait_until("the disk", [this] { return !is_missing(disk_); });
  }

  [[nodiscard]] const std::string& address() const { return device_->address(); }

  const std::string disk_ = "/dev/nvme0n1";
  std::unique_ptr<PciDevice> device_;
};

TEST_F(RefusalDisk, IdleIsNotNeeded) { EXPECT_TRUE(is_not_needed(address())); }

TEST_F(RefusalDisk, Mounted) {
  run_command({"mkfs.ext4", "-q", "-F", disk_});
  const std::string point = "/run/vmleak-disk";
  fs::create_directory(point);
  check(::mount(disk_.c_str(), point.c_str(), "ext4", MS_RDONLY, ""), "mount the disk");
  {
    const Afterwards unmount([&] { check(::umount(point.c_str()), "unmount the disk"); });
    EXPECT_TRUE(is_refused(address(), "nvme0n1 is mounted on " + point));
  }
  EXPECT_TRUE(is_not_needed(address()));
}

// As in a container: only the exclusive open tells.
TEST_F(RefusalDisk, MountedInAnotherNamespace) {
  run_command({"mkfs.ext4", "-q", "-F", disk_});
  const std::string point = "/run/vmleak-disk";
  fs::create_directory(point);
  ChildProcess container("container", [&](const Stage& stage) {
    check(::unshare(CLONE_NEWNS), "leave the mount namespace");
    check(::mount("", "/", "", MS_REC | MS_PRIVATE, ""), "make mounts private");
    check(::mount(disk_.c_str(), point.c_str(), "ext4", MS_RDONLY, ""), "mount the disk");
    stage.pause();
  });
  EXPECT_TRUE(is_refused(address(), "nvme0n1 is kept"));
  container.kill();
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalDisk, Swap) {
  run_command({"mkswap", disk_});
  check(::swapon(disk_.c_str(), 0), "swap on the disk");
  {
    const Afterwards off([&] { check(::swapoff(disk_.c_str()), "end swapping"); });
    EXPECT_TRUE(is_refused(address(), "nvme0n1 is swap"));
  }
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalDisk, PartOfAVolume) {
  run_command({"modprobe", "dm-mod"});
  run_command({"dmsetup", "create", "vmleak-volume", "--noudevsync", "--table",
               "0 2048 linear " + disk_ + " 0"});
  {
    const Afterwards remove([] { run_command({"dmsetup", "remove", "vmleak-volume"}); });
    EXPECT_TRUE(is_refused(address(), "(vmleak-volume)"));
  }
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalDisk, OpenByAProgram) {
  ChildProcess program("database", [this](const Stage& stage) {
    const FileDescriptor fd(check(::open(disk_.c_str(), O_RDONLY | O_CLOEXEC), "open the disk"));
    stage.pause();
  });
  EXPECT_TRUE(is_refused(address(), "nvme0n1 is open by database"));
  program.kill();
  EXPECT_TRUE(is_not_needed(address()));
}

class RefusalNetwork : public Refusal {
 protected:
  void SetUp() override {
    Refusal::SetUp();
    if (IsSkipped()) return;
    const auto addresses = lab_devices("MULTIFUNCTION");
    ASSERT_EQ(addresses.size(), 2U) << "start the lab with --device multifunction";
    device_ = std::make_unique<PciDevice>(addresses[1], "e1000e");
    other_ = addresses[0];
    wait_until("the interface", [this] { return !interface().empty(); });
  }

  // The next scenario may get the same interface, still on its driver.
  void TearDown() override {
    if (device_ == nullptr || interface().empty()) return;
    ip({"address", "flush", "dev", interface()});
    ip({"link", "set", interface(), "down"});
  }

  [[nodiscard]] const std::string& address() const { return device_->address(); }

  [[nodiscard]] std::string interface() const {
    std::error_code error;
    const fs::directory_iterator names("/sys/bus/pci/devices/" + address() + "/net", error);
    return error || names == fs::directory_iterator() ? "" : names->path().filename().string();
  }
  void ip(std::vector<std::string> words) const {
    words.insert(words.begin(), "ip");
    run_command(words);
  }
  // Up, with an address and the default route.
  void make_uplink() const {
    ip({"address", "add", "192.0.2.5/24", "dev", interface(), "label", interface() + ":1"});
    ip({"link", "set", interface(), "up"});
    ip({"route", "add", "default", "via", "192.0.2.1", "dev", interface()});
  }

  std::unique_ptr<PciDevice> device_;
  std::string other_;  // the other function of the device
};

TEST_F(RefusalNetwork, IdleIsNotNeeded) {
  ip({"link", "set", interface(), "up"});
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalNetwork, DefaultRoute) {
  make_uplink();
  EXPECT_TRUE(is_refused(address(), interface() + " carries the default route"));
  ip({"route", "delete", "default"});
  EXPECT_TRUE(is_refused(address(), interface() + " is up and has the address 192.0.2.5"));
  ip({"address", "flush", "dev", interface()});
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalNetwork, TheOperatorsConnection) {
  make_uplink();
  ::setenv("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.5 22", 1);
  const Afterwards forget([] { ::unsetenv("SSH_CONNECTION"); });
  EXPECT_TRUE(is_refused(address(), interface() + " carries your own connection"));
}

TEST_F(RefusalNetwork, PortOfABridge) {
  run_command({"modprobe", "bridge"});
  ip({"link", "add", "vmleakbr0", "type", "bridge"});
  {
    const Afterwards remove([this] { ip({"link", "delete", "vmleakbr0"}); });
    ip({"link", "set", interface(), "master", "vmleakbr0"});
    EXPECT_TRUE(is_refused(address(), interface() + " is a port of vmleakbr0"));
  }
  EXPECT_TRUE(is_not_needed(address()));
}

TEST_F(RefusalNetwork, InAContainer) {
  ChildProcess container("container", [](const Stage& stage) {
    check(::unshare(CLONE_NEWNET), "leave the network namespace");
    stage.pause();
  });
  ip({"link", "set", interface(), "netns", std::to_string(container.pid())});
  EXPECT_TRUE(is_refused(address(), "in another network namespace"));
  container.kill();
  wait_until("the interface to come back", [this] { return !interface().empty(); });
  EXPECT_TRUE(is_not_needed(address()));
}

// The device that a VM left is refused because of what the host does with the
// other half of it.
TEST_F(RefusalNetwork, TheOtherFunctionOfTheDevice) {
  const PciDevice left(other_, "vfio-pci");
  const auto idle = release(other_);
  EXPECT_EQ(idle.host_uses_met(), true) << idle.run;
  make_uplink();
  EXPECT_TRUE(is_refused(other_, address() + ": " + interface() + " carries the default route"));
}

// Addresses of virtio devices of a kind, by the tag of their share.
std::string share_address(const std::string& tag) {
  for (const auto& entry : fs::directory_iterator("/sys/bus/virtio/devices")) {
    std::string text;
    std::ifstream(entry.path() / "mount_tag") >> text;
    if (text.substr(0, tag.size()) == tag)
      return fs::canonical(entry.path()).parent_path().filename();
  }
  fail("no share {}", tag);
}

TEST_F(Refusal, AShareThatIsMounted) {
  EXPECT_TRUE(is_refused(share_address("output"), "its share output is mounted on /mnt/out"));
}

// The lab's own root file system, whose mount is out of everybody's sight.
TEST_F(Refusal, TheRootFileSystem) {
  EXPECT_TRUE(is_refused(share_address("root"), "whether its 9p share root is mounted"));
}

}  // namespace
}  // namespace vmleak::scenarios
