// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "host/helper_process.h"

namespace vmleak {

// Something that may hang and is worked out in a helper process, from its start
// on, while the caller goes on with other things.
class Background {
 public:
  // `work` runs in the helper; `name` is what errors call it.
  static Background start(const std::string& name, std::chrono::milliseconds deadline,
                          const std::function<nlohmann::json()>& work);

  // The answer, or the time that is left of the deadline is waited for it.
  // Error code ETIMEDOUT when there was none.
  Result<nlohmann::json> answer(const std::function<bool()>& interrupted);

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<HelperProcess> helper_;
  std::optional<Error> failed_;
  Clock::time_point until_;
};

}  // namespace vmleak
