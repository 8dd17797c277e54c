// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"

namespace vmleak {
namespace {

TEST(Result, KeepsAValue) {
  const Result<int> result = 42;
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 42);
}

TEST(Result, KeepsAnError) {
  const Result<int> result = Error{"open it: no", 5};
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "open it: no");
  EXPECT_EQ(result.error().code, 5);
}

TEST(Result, GivesAwayWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<std::string>> result = std::make_unique<std::string>("moved");
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)->size(), 5U);
  const auto taken = *std::move(result);
  EXPECT_EQ(*taken, "moved");
}

TEST(Status, IsSuccessByDefault) {
  EXPECT_TRUE(Status{});
  const Status failed = Error{"write it: full", ENOSPC};
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ENOSPC);
}

TEST(Error, NamesWhatWasAttemptedAndWhy) {
  const auto error = system_error("open /dev/kvm", EACCES);
  EXPECT_EQ(error.message, "open /dev/kvm: Permission denied");
  EXPECT_EQ(error.code, EACCES);
}

TEST(Error, IsWrappedOnTheWayUp) {
  const auto error = wrap("take a snapshot", system_error("open /proc/1", ENOENT));
  EXPECT_EQ(error.message, "take a snapshot: open /proc/1: No such file or directory");
  EXPECT_EQ(error.code, ENOENT);
}

}  // namespace
}  // namespace vmleak
