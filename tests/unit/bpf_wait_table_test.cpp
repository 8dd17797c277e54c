// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bpf/book_builder.h"
#include "bpf/wait_table.h"
#include "bpf_records.h"

namespace vmleak {
namespace {

using Stack = std::vector<std::string>;

struct Case {
  const char* name;
  Stack stack;
  std::optional<KernelWait> wait;
};

// Stacks as 6.12 showed them, shortened at their ends.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"UnbindOfAUsedDevice",
       {"vfio_unregister_group_dev [vfio]", "vfio_pci_core_unregister_device [vfio_pci_core]",
        "vfio_pci_remove [vfio_pci]", "pci_device_remove", "device_release_driver_internal",
        "unbind_store"},
       KernelWait::kVfioUnregister},
      {"ResetBehindIt", {"pci_reset_function", "reset_store"}, KernelWait::kDeviceLock},
      {"RemovalBehindIt",
       {"device_release_driver_internal", "pci_stop_bus_device",
        "pci_stop_and_remove_bus_device_locked", "remove_store"},
       KernelWait::kDeviceLock},
      {"BindBehindIt", {"device_driver_attach", "bind_store"}, KernelWait::kDeviceLock},
      {"Rescan", {"rescan_store", "kernfs_fop_write_iter"}, KernelWait::kPciRescanLock},
      {"SecondRemoval",
       {"pci_stop_and_remove_bus_device_locked", "remove_store"},
       KernelWait::kPciRescanLock},
      {"Reset",
       {"msleep", "pcie_flr", "__pci_reset_function_locked", "pci_reset_function", "reset_store"},
       KernelWait::kReset},
      {"ResetOfAnExitingVm",
       {"pci_dev_wait", "__pci_reset_function_locked", "vfio_pci_core_disable [vfio_pci_core]"},
       KernelWait::kReset},
      {"DriversOwnWait",
       {"nvidia_remove [nvidia]", "pci_device_remove", "device_release_driver_internal"},
       KernelWait::kDriver},
      {"Probe", {"msleep", "probe.isra.0 [x]", "local_pci_probe"}, KernelWait::kDriver},
      {"AnotherBus",
       {"usb_disable_device", "device_release_driver_internal", "unbind_store"},
       std::nullopt},
      {"Sleep", {"hrtimer_nanosleep", "do_syscall_64"}, std::nullopt},
      {"Nothing", {}, std::nullopt},
  };
  return all;
}

class WaitOf : public testing::TestWithParam<Case> {};

TEST_P(WaitOf, Stack) { EXPECT_EQ(wait_of(GetParam().stack), GetParam().wait); }

INSTANTIATE_TEST_SUITE_P(Stacks, WaitOf, testing::ValuesIn(cases()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(BookOfWaitingTasks, HasThoseInACallOnADevice) {
  KernelRecords records;
  auto task = task_record(348, 349);
  task.stack = {1, 2};
  task.task.state = 2;
  records.tasks = {task, task, task};
  records.tasks[1].task.in_device_call = 1;
  records.tasks[2].task.in_device_call = 1;
  records.tasks[2].task.exit_state = 0x20;  // a zombie waits for nothing
  auto options = book_options();
  options.describe_function = [](std::uint64_t address) {
    return std::string(address == 1 ? "rescan_store" : "vfs_write");
  };
  const auto book = build_book(records, options);
  ASSERT_EQ(book.waiting_tasks.size(), 1U);
  const auto& waiting = book.waiting_tasks[0];
  EXPECT_EQ(waiting.wait, KernelWait::kPciRescanLock);
  EXPECT_EQ(waiting.pid, 348);
  EXPECT_EQ(waiting.tid, 349);
  EXPECT_EQ(waiting.state, "D");
  EXPECT_EQ(waiting.stack, (Stack{"rescan_store", "vfs_write"}));
}

}  // namespace
}  // namespace vmleak
