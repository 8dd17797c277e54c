// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace vmleak {

// "10", "0.5", "30s", "5m", "2h", "1d": seconds when there is no unit.  Nothing
// when it is not a time between 0 and a year.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace vmleak
