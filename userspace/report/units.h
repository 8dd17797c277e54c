// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmleak {

std::string format_count(std::uint64_t count);                   // "41,207"
std::string format_bytes(std::uint64_t bytes);                   // "64 GiB", "1.5 MiB"
std::string format_duration(std::int64_t seconds);               // "2 h 3 min", "3 d 4 h", "12 s"
std::string counted(std::uint64_t count, std::string_view one);  // "1 VM", "37 VMs"
std::string counted(std::uint64_t count, std::string_view one, std::string_view many);

// Seconds since the epoch of an RFC 3339 time; nothing when it is not one.
std::optional<std::int64_t> parse_time(std::string_view rfc3339);

}  // namespace vmleak
