// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"
#include "commands/input.h"

namespace vmleak {

struct ExplainCommand {
  std::string target;
  SourceOptions source;
  Format format = Format::kText;
};

// Prints everything about one thing.  Error: exit code 1.
Result<ExitCode> run_explain(const ExplainCommand& command, const Environment& environment);

}  // namespace vmleak
