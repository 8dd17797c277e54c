// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"

namespace vmleak {

struct JournalCommand {
  std::string run;  // only that one, with all its steps; empty: all
  Format format = Format::kText;
};

// Prints what releases have done on this host.  kExitFound: a run was cut and
// has open steps.  Error: exit code 1.
Result<ExitCode> run_journal(const JournalCommand& command, const Environment& environment);

}  // namespace vmleak
