// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "commands/environment.h"
#include "commands/input.h"
#include "commands/release_command.h"
#include "remedy/plan.h"

namespace vmleak {

// Where a plan comes from, to make it anew right before it acts.
struct PlannedRelease {
  SourceOptions source;
  Judged judged;
  PlanOptions options;
  Plan plan;
};

// Runs of this boot that did not come to their end, by the journal.
// `own_lock`: the lock on it, if any, is this process's.
Result<std::vector<UnfinishedRun>> read_unfinished(const Environment& environment,
                                                   const std::string& boot_id, bool own_lock);

// Carries a plan out, verifies it and prints what happened.
Result<ExitCode> carry_out(const ReleaseCommand& command, PlannedRelease planned,
                           const Environment& environment);

}  // namespace vmleak
