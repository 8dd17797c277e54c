// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::evidence;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::only_finding;
using testing::samples;
using testing::settled;
using testing::TestHost;

constexpr auto kDevice = "0000:8a:00.0";

WaitingTask waiting(KernelWait wait, std::vector<std::string> stack) {
  return {348, 348, "bash", "D", wait, kDevice, testing::kNow, std::move(stack)};
}

WaitingTask unbinding() {
  return waiting(KernelWait::kVfioUnregister,
                 {"vfio_unregister_group_dev", "vfio_pci_remove", "unbind_store"});
}

WaitingTask removing() {
  return waiting(KernelWait::kVfioUnregister,
                 {"vfio_unregister_group_dev", "pci_stop_bus_device", "remove_store+0x7a"});
}

AuditReport report(Book book, const WaitingTask& task) {
  book.waiting_tasks = {task};
  return audit(settled(book));
}

TEST(BlockedRemoval, OfALiveVmsDeviceIsHeld) {
  TestHost host;
  host.vm_with_device(4711, 42, kDevice);
  EXPECT_EQ(audit(settled(host.book())).verdict, Verdict::kClean);
  const auto finding = only_finding(report(host.book(), unbinding()));
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.rule, "removal-blocked");
  EXPECT_EQ(finding.object.kind, "vfio_device");
  EXPECT_EQ(finding.since, "2026-01-01T00:00:00Z");
  EXPECT_THAT(finding.summary, HasSubstr("bash 348"));
  EXPECT_TRUE(testing::chain_ends(finding).contains("qemu-system-x86"));
  EXPECT_THAT(finding.impact.text, Not(HasSubstr("all hot-plug")));
}

TEST(BlockedRemoval, ThatHoldsTheRescanLockBlocksTheHost) {
  TestHost host;
  host.vm_with_device(4711, 42, kDevice);
  auto book = host.book();
  auto behind = waiting(KernelWait::kPciRescanLock, {"rescan_store"});
  behind.tid = behind.pid = 349;
  behind.device.clear();
  book.waiting_tasks = {removing(), behind};
  const auto finding = only_finding(audit(settled(book)));
  EXPECT_THAT(finding.impact.text, HasSubstr("all hot-plug of PCI devices on this host waits"));
  EXPECT_THAT(evidence(finding, "blocked removal"), HasSubstr("holds the PCI rescan lock"));
  EXPECT_THAT(evidence(finding, "blocked removal"), HasSubstr("bash 349"));
}

TEST(BlockedRemoval, BlocksTheHostAlsoWhenARemovalQueuesBehindIt) {
  TestHost host;
  host.vm_with_device(4711, 42, kDevice);
  auto book = host.book();
  auto behind = removing();
  behind.wait = KernelWait::kDeviceLock;
  behind.tid = behind.pid = 349;
  behind.stack[0] = "device_release_driver_internal";
  book.waiting_tasks = {unbinding(), behind};
  const auto finding = only_finding(audit(settled(book)));
  EXPECT_THAT(finding.impact.text, HasSubstr("all hot-plug of PCI devices on this host waits"));
  EXPECT_THAT(evidence(finding, "blocked removal"),
              HasSubstr("bash 349 (state D) waits for another"));
  book.waiting_tasks = {behind};  // nobody waits for the VM: it comes to an end
  EXPECT_EQ(audit(settled(book)).verdict, Verdict::kClean);
}

TEST(BlockedRemoval, IsPartOfTheFindingAboutAGoneUser) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42, kDevice);
  host.hide(vm.device_file);
  host.dies(4711);
  const auto finding = only_finding(report(host.book(), removing()));
  EXPECT_EQ(finding.rule, "owner-gone");
  EXPECT_THAT(evidence(finding, "blocked removal"), HasSubstr("bash 348"));
}

TEST(BlockedRemoval, ThatJustBeganIsNotSettled) {
  TestHost host;
  host.vm_with_device(4711, 42, kDevice);
  const auto before = host.book();
  auto after = before;
  after.waiting_tasks = {unbinding()};
  EXPECT_EQ(audit(samples({before, after, after})).verdict, Verdict::kInconclusive);
  EXPECT_EQ(audit(samples({after, after, before})).verdict, Verdict::kClean);
}

TEST(HungReset, IsHeldWithItsStack) {
  TestHost host;
  host.idle_device(42, kDevice);
  const auto finding =
      only_finding(report(host.book(), waiting(KernelWait::kReset, {"pci_reset_function"})));
  EXPECT_EQ(finding.verdict, Verdict::kHeld);
  EXPECT_EQ(finding.rule, "reset-hung");
  EXPECT_EQ(evidence(finding, "stack"), "pci_reset_function\n");
}

TEST(HungReset, IsNoneWhileItRuns) {
  TestHost host;
  auto task = waiting(KernelWait::kReset, {"pci_reset_function"});
  task.state = "R";
  EXPECT_EQ(report(host.book(), task).verdict, Verdict::kClean);
}

TEST(HungDriver, IsOneFindingForTheTaskAndItsWorker) {
  TestHost host;
  host.idle_device(42, kDevice);
  auto book = host.book();
  auto worker = waiting(KernelWait::kDriver, {"nvidia_probe", "local_pci_probe"});
  worker.tid = worker.pid = 77;
  worker.comm = "kworker/0:1";
  book.waiting_tasks = {waiting(KernelWait::kDriver, {"__flush_work", "pci_device_probe"}), worker};
  const auto finding = only_finding(audit(settled(book)));
  EXPECT_THAT(finding.summary, HasSubstr("bash 348"));
  EXPECT_THAT(evidence(finding, "waiting task"), HasSubstr("kworker/0:1 77"));
  EXPECT_THAT(evidence(finding, "stack"), HasSubstr("nvidia_probe"));
}

TEST(HungDriver, IsHeldAlsoWithoutKnownDevice) {
  TestHost host;
  auto task = waiting(KernelWait::kDriver, {"nvidia_remove"});
  EXPECT_EQ(only_finding(report(host.book(), task)).object.kind, "pci_device");
  task.device.clear();
  const auto finding = only_finding(report(host.book(), task));
  EXPECT_EQ(finding.rule, "driver-hung");
  EXPECT_EQ(finding.object.kind, "process");
}

}  // namespace
}  // namespace vmleak
