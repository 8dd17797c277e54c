// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "host/helper_process.h"

namespace vmleak {

// Asks many questions that may hang, each in one helper after the other: a
// question that does not return keeps its helper, and the next gets a new one.
class HelperChain {
 public:
  using Clock = std::chrono::steady_clock;

  // `name` is what error messages call the helpers; they run `answer`.
  // No question waits beyond `end`.
  HelperChain(std::string name, std::function<std::string(std::string_view request)> answer,
              Clock::time_point end, std::function<bool()> interrupted);

  // Error ETIMEDOUT: no answer within a second, or no time left.
  Result<std::string> ask(std::string_view request);

 private:
  std::string name_;
  std::function<std::string(std::string_view request)> answer_;
  Clock::time_point end_;
  std::function<bool()> interrupted_;
  std::optional<HelperProcess> helper_;
};

}  // namespace vmleak
