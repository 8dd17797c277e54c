// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/sysfs_write.h"
#include "host/waiting_tasks.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDevice = "0000:01:00.0";
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBoot = 1000 * kSecond;

constexpr auto kStat =
    "348 (bash) S 1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 2000 1 1 0 0 0 0 0 0 0 0 0 0";

struct Write {
  const char* name;
  const char* call;  // number and first argument
  const char* path;  // of descriptor 1
  const char* text;  // at the address in the second argument
  const char* device;
  bool kept;  // the task stays in the list
};

class WaitedDevice : public testing::TestWithParam<Write> {};

WaitingTask task(KernelWait wait) { return {348, 348, "bash", "S", wait, "", 0, {"f"}}; }

struct Found {
  std::vector<WaitingTask> tasks;
  std::vector<Loss> losses;
};

Found find(const HostTree& tree, const WaitingTask& waiting) {
  Found found;
  found.tasks = find_waited_devices(tree.root(), {waiting}, kBoot, std::chrono::seconds(10), {},
                                    found.losses);
  return found;
}

TEST_P(WaitedDevice, IsWhatItWritesTo) {
  const auto& write = GetParam();
  HostTree tree;
  tree.file("/proc/348/task/348/stat", kStat)
      .file("/proc/348/task/348/syscall", std::string(write.call) + " 0x0 0x0 0x0 0x7ffe 0x7f09\n")
      .link("/proc/348/task/348/fd/1", write.path)
      .file("/proc/348/task/348/mem", std::string(16, 'x') + write.text);
  const auto found = find(tree, task(KernelWait::kDeviceLock));
  EXPECT_THAT(found.losses, IsEmpty());
  ASSERT_EQ(found.tasks.size(), write.kept ? 1U : 0U);
  if (write.kept) {
    EXPECT_EQ(found.tasks[0].device, write.device);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Writes, WaitedDevice,
    testing::Values(Write{"Remove", "1 0x1 0x10 0x2",
                          "/sys/devices/pci0000:00/0000:00:07.0/0000:01:00.0/remove", "1\n",
                          kDevice, true},
                    Write{"Unbind", "1 0x1 0x10 0xd", "/sys/bus/pci/drivers/vfio-pci/unbind",
                          "0000:01:00.0\n", kDevice, true},
                    Write{"Probe", "18 0x1 0x10 0xc", "/sys/bus/pci/drivers_probe",
                          "0000:01:00.0junk", kDevice, true},
                    Write{"Rescan", "1 0x1 0x10 0x2", "/sys/bus/pci/rescan", "1\n", "", true},
                    Write{"RescanOfABus", "1 0x1 0x10 0x2",
                          "/sys/devices/pci0000:00/pci_bus/0000:00/rescan", "1\n", "", true},
                    Write{"NoAddress", "1 0x1 0x10 0xd", "/sys/bus/pci/drivers/vfio-pci/unbind",
                          "../../../etc/x", "", true},
                    Write{"AnotherBus", "1 0x1 0x10 0x4", "/sys/bus/usb/drivers/usb/unbind",
                          "1-1\n", "", false},
                    Write{"DeviceOfAnotherBus", "1 0x1 0x10 0x2",
                          "/sys/devices/platform/x/driver_override", "y\n", "", false},
                    Write{"NoFileOfSysfs", "1 0x1 0x10 0x2", "/tmp/x", "1\n", "", true},
                    Write{"AnotherCall", "0 0x1 0x10 0x2", "/sys/bus/pci/rescan", "1\n", "", true},
                    Write{"OutsideOfCalls", "-1 0x7ffe", "/sys/bus/pci/rescan", "1\n", "", true},
                    Write{"Running", "running", "/sys/bus/pci/rescan", "1\n", "", true}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(WaitedDevice, StandsInTheFirstPartOfAVector) {
  HostTree tree;
  std::string memory(64, '\0');
  memory[16] = 40;  // struct iovec at 16: 12 bytes at 40
  memory[24] = 12;
  memory.replace(40, 12, kDevice);
  tree.file("/proc/348/task/348/syscall", "20 0x1 0x10 0x1 0x0 0x0 0x0 0x7ffe 0x7f09\n")
      .link("/proc/348/task/348/fd/1", "/sys/bus/pci/drivers/vfio-pci/unbind")
      .file("/proc/348/task/348/mem", memory);
  const auto write = read_current_write(tree.root(), 348, 348);
  ASSERT_TRUE(write && *write);
  EXPECT_EQ((*write)->text, kDevice);
}

// A task that probes a device, and the worker that does it for it.
TEST(WaitedDevice, OfAWorkerIsThatOfTheTaskThatWaitsForIt) {
  HostTree tree;
  for (const auto* task : {"/proc/348/task/348", "/proc/349/task/349"}) {
    tree.file(std::string(task) + "/syscall", "1 0x1 0x10 0xc 0x0 0x0 0x0 0x7ffe 0x7f09\n")
        .link(std::string(task) + "/fd/1", "/sys/bus/pci/drivers_probe")
        .file(std::string(task) + "/mem", std::string(16, 'x') + kDevice);
  }
  tree.file("/proc/77/task/77/syscall", "-1 0x0 0x0\n");
  auto writer = task(KernelWait::kDriver);
  writer.stack = {"__flush_work", "work_on_cpu_key", "pci_device_probe"};
  auto worker = task(KernelWait::kDriver);
  worker.pid = worker.tid = 77;
  worker.stack = {"nvidia_probe [nvidia]", "local_pci_probe", "work_for_cpu_fn"};
  std::vector<Loss> losses;
  const auto find_all = [&](const std::vector<WaitingTask>& tasks) {
    return find_waited_devices(tree.root(), tasks, kBoot, std::chrono::seconds(10), {}, losses);
  };
  EXPECT_EQ(find_all({worker, writer}).at(0).device, kDevice);
  auto second = writer;
  second.pid = second.tid = 349;
  EXPECT_EQ(find_all({worker, writer, second}).at(0).device, "");
  EXPECT_THAT(losses, IsEmpty());
}

TEST(WaitedDevice, OfATaskThatIsGoneIsNone) {
  const auto found = find(HostTree(), task(KernelWait::kVfioUnregister));
  EXPECT_THAT(found.tasks, IsEmpty());
  EXPECT_THAT(found.losses, IsEmpty());
}

TEST(WaitedDevice, ThatCantBeReadIsALoss) {
  HostTree tree;
  tree.directory("/proc/348/task/348/syscall");  // EISDIR
  const auto found = find(tree, task(KernelWait::kVfioUnregister));
  ASSERT_EQ(found.tasks.size(), 1U);
  EXPECT_EQ(found.tasks[0].device, "");
  ASSERT_EQ(found.losses.size(), 1U);
  EXPECT_THAT(found.losses[0].what, HasSubstr("bash 348 waits for"));
}

DeviceMessage message(const char* device, std::uint64_t seconds, const char* text) {
  return {device, "vfio-pci", seconds * kSecond, text};
}

constexpr auto kBegan = "vfio-pci 0000:01:00.0: Relaying device request to user (#0)";
constexpr auto kAgain = "vfio-pci 0000:01:00.0: Relaying device request to user (#10)";
constexpr auto kNamed =
    "vfio-pci 0000:01:00.0: Device is currently in use, task \"bash\" (348) blocked until device "
    "is released";

TEST(WaitInTheLog, BeganWithTheFirstRequest) {
  auto waiting = task(KernelWait::kVfioUnregister);
  waiting.device = kDevice;
  add_log({message(kDevice, 20, kBegan), message(kDevice, 40, kBegan),
           message("0000:02:00.0", 60, kBegan), message(kDevice, 140, kAgain)},
          kBoot, 30 * kSecond, waiting);
  EXPECT_EQ(waiting.since_ns, kBoot + 40 * kSecond);
}

TEST(WaitInTheLog, IsNotThatOfAnEarlierTask) {
  auto waiting = task(KernelWait::kVfioUnregister);
  waiting.device = kDevice;
  add_log({message(kDevice, 20, kBegan)}, kBoot, 100 * kSecond, waiting);
  EXPECT_EQ(waiting.since_ns, 0U);
}

TEST(WaitInTheLog, NamesTheDevice) {
  auto waiting = task(KernelWait::kVfioUnregister);
  waiting.device = "0000:00:07.0";  // a bridge is removed, with what is below it
  add_log({message(kDevice, 40, kNamed)}, kBoot, 30 * kSecond, waiting);
  EXPECT_EQ(waiting.device, kDevice);
  EXPECT_EQ(waiting.since_ns, kBoot + 40 * kSecond);
  auto other = task(KernelWait::kVfioUnregister);
  other.tid = 34;
  add_log({message(kDevice, 40, kNamed)}, kBoot, 30 * kSecond, other);
  EXPECT_EQ(other.device, "");
}

TEST(WaitInTheLog, IsOfRemovalsOnly) {
  auto waiting = task(KernelWait::kDeviceLock);
  waiting.device = kDevice;
  add_log({message(kDevice, 40, kBegan)}, kBoot, 30 * kSecond, waiting);
  EXPECT_EQ(waiting.since_ns, 0U);
}

}  // namespace
}  // namespace vmleak
