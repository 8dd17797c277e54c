// SPDX-License-Identifier: Apache-2.0
#include "records/time.h"

#include <ctime>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;

std::optional<int> number_at(std::string_view text, std::size_t from, std::size_t size) {
  return to_number<int>(text.substr(from, size));
}

// Nothing for 0, which stands for "not recorded", and for what does not fit.
std::optional<std::uint64_t> nanoseconds(std::uint64_t seconds, std::uint64_t milliseconds) {
  constexpr std::uint64_t kMaxSeconds = UINT64_MAX / kSecond - 1;
  if (seconds == 0 || seconds > kMaxSeconds) return std::nullopt;
  return seconds * kSecond + milliseconds * kMillisecond;
}

}  // namespace

std::optional<std::uint64_t> parse_libvirt_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00 00:00:00.000+0000";
  if (text.size() != kForm.size() || text.substr(23) != "+0000") return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  std::tm time{};
  time.tm_year = *number_at(text, 0, 4) - 1900;
  time.tm_mon = *number_at(text, 5, 2) - 1;
  time.tm_mday = *number_at(text, 8, 2);
  time.tm_hour = *number_at(text, 11, 2);
  time.tm_min = *number_at(text, 14, 2);
  time.tm_sec = *number_at(text, 17, 2);
  const auto written = time;
  const auto seconds = ::timegm(&time);
  // timegm() makes another day of the 30th of February.
  if (time.tm_mon != written.tm_mon || time.tm_mday != written.tm_mday ||
      time.tm_hour != written.tm_hour || time.tm_min != written.tm_min || seconds <= 0) {
    return std::nullopt;
  }
  return nanoseconds(static_cast<std::uint64_t>(seconds),
                     static_cast<std::uint64_t>(*number_at(text, 20, 3)));
}

std::optional<std::uint64_t> parse_audit_time(std::string_view text) {
  constexpr std::string_view kPrefix = "audit(";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const auto seconds = to_number<std::uint64_t>(next_part(text, '.'));
  const auto milliseconds = to_number<std::uint64_t>(next_part(text, ':'));
  if (!seconds || !milliseconds || *milliseconds > 999) return std::nullopt;
  return nanoseconds(*seconds, *milliseconds);
}

}  // namespace vmleak
