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

constexpr std::array<std::string_view, 6> kByteUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

}  // namespace

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::string_view unit;
  for (const auto& name : kByteUnits) {
    if (value < 1024) break;
    value /= 1024;
    unit = name;
  }
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return whole ? fmt::format("{:.0f} {}", value, unit) : fmt::format("{:.1f} {}", value, unit);
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

std::string format_time(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return {};
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
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
