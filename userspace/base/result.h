// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace vmleak {

// What went wrong, as a person reads it: "verb object: cause".
struct Error {
  std::string message;
  int code = 0;  // errno, or 0 when no system call was involved
};

// "open /dev/kvm: Permission denied" from ("open /dev/kvm", EACCES).
inline Error system_error(std::string_view what, int error_number) {
  return {fmt::format("{}: {}", what, std::strerror(error_number)), error_number};
}

// Adds what was being attempted while an error is handed upwards.
inline Error wrap(std::string_view what, const Error& cause) {
  return {fmt::format("{}: {}", what, cause.message), cause.code};
}

// A value or the reason why there is none.  Like std::expected (C++23).
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// Success, or the reason why not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit

  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace vmleak
