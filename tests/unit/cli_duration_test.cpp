// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/duration.h"

namespace vmleak {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsInSecondsUnlessAUnitSaysOtherwise) {
  EXPECT_EQ(parse_duration("10"), 10s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("1500ms"), 1500ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("2d"), 48h);
}

TEST(Duration, RefusesWhatIsNoTime) {
  for (const auto* wrong : {"", " ", "s", "-1", "1x", "1 s", "nan", "inf", "1e9", "1s2", "366d",
                            "99999999999999999999999"}) {
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace vmleak
