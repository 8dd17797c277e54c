// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "commands/removals.h"

namespace vmleak {
namespace {

constexpr auto kDevice = "0000:8a:00.0";
constexpr auto kOther = "0000:8b:00.0";

Node device(const std::string& address) {
  Node node;
  node.id = make_node_id(NodeKind::kVfioDevice, address);
  node.kind = NodeKind::kVfioDevice;
  VfioDeviceFacts facts;
  facts.pci_address = address;
  facts.registered = true;
  node.facts = facts;
  node.counters = {{"refcount", 1, 0}};
  return node;
}

Book two_devices(KernelWait wait, const std::string& waited_for) {
  Book book;
  for (const auto* address : {kDevice, kOther}) {
    book.nodes.push_back(device(address));
    book.references.push_back({make_node_id(NodeKind::kDriver, "vfio-pci"),
                               book.nodes.back().id,
                               "refcount",
                               "vfio-device/registered",
                               1,
                               true,
                               {}});
  }
  WaitingTask task;
  task.wait = wait;
  task.device = waited_for;
  book.waiting_tasks = {task};
  return book;
}

TEST(EndRegistrations, OfTheDeviceThatATaskWaitsFor) {
  auto book = two_devices(KernelWait::kVfioUnregister, kDevice);
  end_registrations(book);
  ASSERT_EQ(book.references.size(), 1U);
  EXPECT_EQ(book.references[0].held, book.nodes[1].id);
  EXPECT_TRUE(book.references[0].certain);
  EXPECT_FALSE(std::get<VfioDeviceFacts>(book.nodes[0].facts).registered);
  EXPECT_TRUE(std::get<VfioDeviceFacts>(book.nodes[1].facts).registered);
}

TEST(EndRegistrations, MayBeOfAnyWhenTheDeviceIsUnknown) {
  auto book = two_devices(KernelWait::kVfioUnregister, "");
  end_registrations(book);
  ASSERT_EQ(book.references.size(), 2U);
  EXPECT_FALSE(book.references[0].certain);
  EXPECT_FALSE(book.references[1].certain);
}

TEST(EndRegistrations, NotForAnotherWait) {
  auto book = two_devices(KernelWait::kDeviceLock, kDevice);
  end_registrations(book);
  ASSERT_EQ(book.references.size(), 2U);
  EXPECT_TRUE(book.references[0].certain);
}

}  // namespace
}  // namespace vmleak
