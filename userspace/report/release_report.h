// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "model/finding.h"
#include "remedy/journal.h"
#include "remedy/plan.h"
#include "report/text.h"

namespace vmleak {

// What would be done, what it needs, and the command that does it.
std::string plan_text(const Plan& plan, const TextStyle& style);

// A "vmleak.release/1" document; "run" is null.
std::string plan_json(const Plan& plan);

// What came of a plan that was carried out.
struct ReleaseOutcome {
  JournalRun run;                          // with an outcome
  std::vector<Precondition> verification;  // empty when it did not get that far
  std::vector<Finding> left;               // about the target, by an audit afterwards
  std::vector<Finding> stays;              // what only a reboot gives back, and harms no device
};

std::string release_text(const Plan& plan, const ReleaseOutcome& outcome, const TextStyle& style);

// A "vmleak.release/1" document.
std::string release_json(const Plan& plan, const ReleaseOutcome& outcome);

}  // namespace vmleak
