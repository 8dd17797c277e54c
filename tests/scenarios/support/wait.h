// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>
#include <thread>

#include "support/check.h"

namespace vmleak::scenarios {

// Generous: an emulated machine is some 20 times slower than a real one.
inline constexpr std::chrono::seconds kPatience{60};

// Polls until `condition` holds.
template <class Condition>
bool holds_within(std::chrono::nanoseconds patience, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

template <class Condition>
void wait_until(std::string_view what, Condition condition) {
  if (!holds_within(kPatience, condition)) fail("waited {} s for: {}", kPatience.count(), what);
}

}  // namespace vmleak::scenarios
