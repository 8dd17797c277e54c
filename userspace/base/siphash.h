// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmleak {

using HashKey = std::array<std::uint64_t, 2>;

// SipHash-2-4 of `data` (Aumasson, Bernstein: "SipHash: a fast short-input
// PRF", 2012), the function the kernel hashes %p pointers with.
std::uint64_t siphash(const HashKey& key, std::string_view data);

// The first `digits` (at most 16) hexadecimal digits of siphash().
std::string short_hash(const HashKey& key, std::string_view data, int digits);

}  // namespace vmleak
