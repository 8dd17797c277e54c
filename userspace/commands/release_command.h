// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"
#include "commands/input.h"
#include "remedy/plan.h"

namespace vmleak {

struct ReleaseCommand {
  std::string target;
  SourceOptions source;
  Format format = Format::kText;
  std::string action;  // empty: the least harmful one that cures
  Risk max_risk = Risk::kMedium;
};

// Prints what would be done about the target; changes nothing.  Clean when it
// is ready to be done, refused when something stands in the way.  Error: exit
// code 1.
Result<ExitCode> run_release(const ReleaseCommand& command, const Environment& environment);

}  // namespace vmleak
