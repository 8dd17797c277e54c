// SPDX-License-Identifier: Apache-2.0
#include "report/units.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace vmleak {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t seconds;
};

constexpr std::array<Unit, 4> kUnits{{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}};

}  // namespace

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kByteUnits{"bytes", "KiB", "MiB", "GiB",
                                                       "TiB",   "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024; ++unit) value /= 1024;
  return fmt::format("{:.4g} {}", value, kByteUnits.at(unit));
}

std::string format_duration(std::int64_t seconds) {
  if (seconds <= 0) return "0 s";
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const auto& unit = kUnits[i];
    if (seconds < unit.seconds) continue;
    std::string text = fmt::format("{} {}", seconds / unit.seconds, unit.name);
    if (i + 1 == kUnits.size()) return text;
    const auto rest = seconds % unit.seconds / kUnits[i + 1].seconds;
    return rest == 0 ? text : fmt::format("{} {} {}", text, rest, kUnits[i + 1].name);
  }
  return "0 s";
}

std::string counted(std::uint64_t count, std::string_view one) {
  return counted(count, one, std::string(one) + "s");
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", format_count(count), count == 1 ? one : many);
}

std::optional<std::int64_t> parse_time(std::string_view rfc3339) {
  const std::string text(rfc3339);
  std::tm utc{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    do ++rest;
    while (*rest >= '0' && *rest <= '9');
  }
  std::int64_t offset = 0;
  if (*rest == '+' || *rest == '-') {
    unsigned hours = 0;
    unsigned minutes = 0;
    if (std::sscanf(rest + 1, "%2u:%2u", &hours, &minutes) != 2) return std::nullopt;
    offset = (static_cast<std::int64_t>(hours) * 60 + minutes) * 60 * (*rest == '-' ? -1 : 1);
  } else if (*rest != 'Z') {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(timegm(&utc)) - offset;
}

}  // namespace vmleak
