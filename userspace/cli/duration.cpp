// SPDX-License-Identifier: Apache-2.0
#include "cli/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace vmleak {
namespace {

constexpr std::array kUnits = std::to_array<std::pair<std::string_view, double>>({
    {"", 1e3},
    {"ms", 1},
    {"s", 1e3},
    {"m", 60e3},
    {"min", 60e3},
    {"h", 3600e3},
    {"d", 86400e3},
});

constexpr double kMaxMilliseconds = 365 * 86400e3;

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  double number = 0;
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
  const auto unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  const auto* row = std::find_if(kUnits.begin(), kUnits.end(),
                                 [unit](const auto& entry) { return entry.first == unit; });
  if (row == kUnits.end()) return std::nullopt;
  const double milliseconds = number * row->second;
  if (milliseconds < 0 || milliseconds > kMaxMilliseconds) return std::nullopt;
  return std::chrono::milliseconds(std::llround(milliseconds));
}

}  // namespace vmleak
