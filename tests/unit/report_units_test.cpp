// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "report/units.h"

namespace vmleak {
namespace {

TEST(Units, CountsInThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(counted(1, "VM"), "1 VM");
  EXPECT_EQ(counted(2000, "VM"), "2,000 VMs");
}

TEST(Units, ShowsBytesInTheirLargestUnit) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(1023), "1023 bytes");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{64} << 30U), "64 GiB");
  EXPECT_EQ(format_bytes(~std::uint64_t{0}), "16 EiB");
}

TEST(Units, ShowsTheTwoLargestUnitsOfADuration) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(59), "59 s");
  EXPECT_EQ(format_duration(60), "1 min");
  EXPECT_EQ(format_duration(7380), "2 h 3 min");
  EXPECT_EQ(format_duration(3 * 86400 + 59), "3 d");
}

TEST(Units, ReadsTimes) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:10Z"), 10);
  EXPECT_EQ(parse_time("1970-01-01T00:00:10.999Z"), 10);
  EXPECT_EQ(parse_time("1970-01-01T02:00:00+02:00"), 0);
  EXPECT_EQ(parse_time("2024-02-29T00:00:00-01:30"), 1709170200);
  for (const auto* wrong :
       {"", "yesterday", "1970-01-01", "1970-01-01T00:00:10", "1970-01-01T00:00:10+xx:00"}) {
    EXPECT_EQ(parse_time(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace vmleak
