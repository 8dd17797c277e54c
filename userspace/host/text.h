// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace vmleak {

inline constexpr std::string_view kBlanks = " \t\n\r";

inline std::string_view trim_right(std::string_view text) {
  const auto last = text.find_last_not_of(kBlanks);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

inline std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view() : trim_right(text.substr(first));
}

// Takes everything up to the next `separator` off the front of `rest`.
inline std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

// Takes the next word off the front of `rest`; empty at the end.
inline std::string_view next_word(std::string_view& rest) {
  const auto first = rest.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    rest = {};
    return {};
  }
  const auto end = rest.find_first_of(kBlanks, first);
  const std::string_view word =
      rest.substr(first, end == std::string_view::npos ? std::string_view::npos : end - first);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return word;
}

// All of `text` as a number; nothing when it is not one or does not fit.
template <std::integral T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

// "0x10de", "10de": as sysfs and tools write hexadecimal numbers.
template <std::integral T>
std::optional<T> to_hex_number(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return to_number<T>(text, 16);
}

}  // namespace vmleak
