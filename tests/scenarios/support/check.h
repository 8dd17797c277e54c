// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace vmleak::scenarios {

// The result of a system call, or an exception that names what was tried.
// GoogleTest turns it into a failure of the test.
template <class T>
T check(T result, std::string_view what) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), std::string(what));
  }
  return result;
}

template <class... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw std::runtime_error(fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace vmleak::scenarios
