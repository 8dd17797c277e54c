// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "audit/context.h"

namespace vmleak {

// So many samples must agree before anything is called leaked or held.
inline constexpr std::size_t kSamplesNeeded = 3;

// For how long something has been as it is now.
struct Stability {
  std::size_t samples = 0;    // that agree, counted backwards from the present
  std::uint64_t span_ns = 0;  // between the first and the last of them
  std::size_t taken = 0;      // samples there are
  bool settled = false;       // enough of them, over the whole settle time
};

// `as_now` says whether a sample shows what the present shows.
Stability observe(const AuditContext& context, const std::function<bool(const Sample&)>& as_now);

// "the same in 3 samples over 10 s", or why that is not enough.
std::string describe(const Stability& stability, const AuditContext& context);

}  // namespace vmleak
