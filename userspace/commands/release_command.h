// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
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
  std::string plan_id;                                           // exactly that plan; empty: any
  bool yes = false;                                              // carry it out
  std::chrono::milliseconds deadline{std::chrono::seconds(30)};  // of one step that may block
};

// Prints what would be done about the target; with `yes` does it, verifies it
// and prints that.  kExitClean: ready, or released and verified.  kExitRefused:
// something stands in the way, and nothing was changed.  kExitFound: tried and
// not released.  Error: exit code 1.
Result<ExitCode> run_release(const ReleaseCommand& command, const Environment& environment);

}  // namespace vmleak
