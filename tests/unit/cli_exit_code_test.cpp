// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "commands/exit_code.h"

namespace vmleak {
namespace {

using enum Verdict;

TEST(ExitCode, IsCleanWhileThingsAreBeingGivenBack) {
  EXPECT_EQ(exit_code({}), 0);
  EXPECT_EQ(exit_code({kClean, kReleasing}), 0);
}

TEST(ExitCode, IsThreeForEveryKindOfProblem) {
  for (const auto verdict : {kLeaked, kHeld, kStale}) EXPECT_EQ(exit_code({verdict}), 3);
}

TEST(ExitCode, ThreeBeatsFour) {
  EXPECT_EQ(exit_code({kInconclusive}), 4);
  EXPECT_EQ(exit_code({kInconclusive, kHeld}), 3);
  EXPECT_EQ(exit_code({kHeld, kInconclusive}), 3);
}

TEST(ExitCode, WhatIsNotChosenCountsAsClean) {
  EXPECT_EQ(exit_code({kHeld, kStale}, {kLeaked}), 0);
  EXPECT_EQ(exit_code({kInconclusive}, {kLeaked}), 0);
  EXPECT_EQ(exit_code({kHeld, kInconclusive}, {kLeaked, kInconclusive}), 4);
}

}  // namespace
}  // namespace vmleak
