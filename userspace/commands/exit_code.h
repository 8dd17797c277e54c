// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <vector>

#include "model/kinds.h"

namespace vmleak {

enum ExitCode : int {
  kExitClean = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitFound = 3,
  kExitInconclusive = 4,
  kExitRefused = 5,   // nothing was changed
  kExitSignal = 128,  // plus the number of the signal
};

// The verdicts that make a command fail.
using FailOn = std::set<Verdict>;

// All that can be one.
FailOn every_failure();

// A found problem beats an inconclusive verdict; what is not in `fail_on`
// counts as clean, and so does `releasing`.
ExitCode exit_code(const std::vector<Verdict>& verdicts, const FailOn& fail_on = every_failure());

}  // namespace vmleak
