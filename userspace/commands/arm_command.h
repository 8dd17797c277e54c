// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "commands/arm_ledger.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"

namespace vmleak {

struct ArmCommand {
  ArmOptions options;
  bool status = false;  // only say what is armed
  Format format = Format::kText;
};

struct DisarmCommand {
  Format format = Format::kText;
};

// Arms the ledger and says what it will see.  With `status`: kExitFailed when
// nothing is armed.
Result<ExitCode> run_arm(const ArmCommand& command, const Environment& environment);

// Takes the ledger away; clean also when there was none.
Result<ExitCode> run_disarm(const DisarmCommand& command, const Environment& environment);

}  // namespace vmleak
