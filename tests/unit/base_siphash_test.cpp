// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

#include "base/siphash.h"

namespace vmleak {
namespace {

// The key and the messages of the paper's test values: 00 01 02 ...
constexpr HashKey kPaperKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string counting_bytes(std::size_t length) {
  std::string bytes;
  for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

class SiphashVectors : public testing::TestWithParam<std::pair<std::size_t, std::uint64_t>> {};

TEST_P(SiphashVectors, AreThoseOfTheReferenceImplementation) {
  const auto [length, hash] = GetParam();
  EXPECT_EQ(siphash(kPaperKey, counting_bytes(length)), hash);
}

// 15 bytes is the example of appendix A; the others are around word borders.
INSTANTIATE_TEST_SUITE_P(
    Paper, SiphashVectors,
    testing::Values(std::pair{0, 0x726fdb47dd0e0e31U}, std::pair{1, 0x74f839c593dc67fdU},
                    std::pair{7, 0xab0200f58b01d137U}, std::pair{8, 0x93f5f5799a932462U},
                    std::pair{15, 0xa129ca6149be45e5U}, std::pair{16, 0x3f2acc7f57c29bdbU},
                    std::pair{63, 0x958a324ceb064572U}));

TEST(Siphash, DependsOnTheKey) {
  EXPECT_NE(siphash({0, 0}, "vfio_group:42"), siphash({0, 1}, "vfio_group:42"));
  EXPECT_NE(siphash({0, 0}, "vfio_group:42"), siphash({1, 0}, "vfio_group:42"));
}

TEST(ShortHash, IsTheBeginningOfTheHash) {
  const auto bytes = counting_bytes(15);
  EXPECT_EQ(short_hash(kPaperKey, bytes, 6), "a129ca");
  EXPECT_EQ(short_hash(kPaperKey, bytes, 8), "a129ca61");
  EXPECT_EQ(short_hash(kPaperKey, bytes, 16), "a129ca6149be45e5");
}

}  // namespace
}  // namespace vmleak
