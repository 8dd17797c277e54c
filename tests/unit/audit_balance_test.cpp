// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "audit/balance.h"

namespace vmleak {
namespace {

Node node(std::string id, std::vector<Counter> counters) {
  Node out;
  out.id = std::move(id);
  out.counters = std::move(counters);
  return out;
}

Reference reference(std::string held, std::string counter, std::string cls, std::int64_t count = 1,
                    bool certain = true) {
  return {"process:1", std::move(held), std::move(counter), std::move(cls), count, certain, ""};
}

TEST(Balance, SubtractsHoldersByClass) {
  Book book;
  book.nodes = {node("kvm:1", {{"users_count", 4, 0}})};
  book.references = {reference("kvm:1", "users_count", "kvm/vcpu-file"),
                     reference("kvm:1", "users_count", "kvm/vm-file"),
                     reference("kvm:1", "users_count", "kvm/vcpu-file")};
  const auto balances = balance_counters(book);
  ASSERT_EQ(balances.size(), 1U);
  EXPECT_EQ(balances[0].node, "kvm:1");
  EXPECT_EQ(balances[0].counter, "users_count");
  EXPECT_EQ(balances[0].value, 4);
  EXPECT_EQ(balances[0].unaccounted, 1);
  EXPECT_EQ(balances[0].unexplained(), 1);
  // In the order of the class table, however they were found.
  ASSERT_EQ(balances[0].classes.size(), 2U);
  EXPECT_EQ(balances[0].classes[0].cls, "kvm/vm-file");
  EXPECT_EQ(balances[0].classes[0].references, 1);
  EXPECT_EQ(balances[0].classes[1].cls, "kvm/vcpu-file");
  EXPECT_EQ(balances[0].classes[1].references, 2);
}

TEST(Balance, KeepsCountersApart) {
  Book book;
  book.nodes = {node("vfio_device:a", {{"refcount", 2, 0}, {"open_count", 1, 0}}),
                node("kvm:1", {{"users_count", 1, 0}})};
  book.references = {reference("vfio_device:a", "refcount", "vfio-device/registered"),
                     reference("vfio_device:a", "open_count", "vfio-device/open"),
                     reference("kvm:1", "users_count", "kvm/vm-file")};
  const auto balances = balance_counters(book);
  ASSERT_EQ(balances.size(), 3U);
  EXPECT_EQ(balances[0].unaccounted, 1);
  EXPECT_EQ(balances[1].unaccounted, 0);
  EXPECT_EQ(balances[2].unaccounted, 0);
}

TEST(Balance, TasksInsideASystemCallAreABound) {
  Book book;
  book.nodes = {node("open_file:f", {{"f_count", 3, 1}})};
  book.references = {reference("open_file:f", "f_count", "file/fd"),
                     reference("open_file:f", "f_count", "file/in-syscall", 2, false)};
  const auto balance = balance_counters(book).at(0);
  EXPECT_EQ(balance.unaccounted, 2);
  EXPECT_EQ(balance.bound, 3);
  EXPECT_EQ(balance.unexplained(), 0);
}

TEST(Balance, WhatExceedsTheBoundIsUnexplained) {
  Book book;
  book.nodes = {node("open_file:f", {{"f_count", 5, 1}})};
  book.references = {reference("open_file:f", "f_count", "file/fd")};
  const auto balance = balance_counters(book).at(0);
  EXPECT_EQ(balance.unaccounted, 4);
  EXPECT_EQ(balance.unexplained(), 3);
}

TEST(Balance, IsNegativeWhenMoreHoldersWereSeen) {
  Book book;
  book.nodes = {node("open_file:f", {{"f_count", 1, 4}})};
  book.references = {reference("open_file:f", "f_count", "file/fd", 3)};
  const auto balance = balance_counters(book).at(0);
  EXPECT_EQ(balance.unaccounted, -2);
  EXPECT_EQ(balance.unexplained(), 0);
}

TEST(Balance, LeavesOutWhatIsNotCounted) {
  Book book;
  book.nodes = {node("open_file:f", {{"f_count", 0, 0}}), node("file:i", {})};
  book.references = {reference("open_file:f", "", "file/pending-fput"),
                     reference("file:i", "", "image/open-file"),
                     reference("open_file:gone", "f_count", "file/fd")};
  const auto balances = balance_counters(book);
  ASSERT_EQ(balances.size(), 1U);
  EXPECT_EQ(balances[0].unaccounted, 0);
}

TEST(Balance, OfAnEmptyBookIsEmpty) { EXPECT_TRUE(balance_counters(Book{}).empty()); }

}  // namespace
}  // namespace vmleak
