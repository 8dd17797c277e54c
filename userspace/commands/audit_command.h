// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"
#include "commands/input.h"

namespace vmleak {

struct WaitOptions {
  std::optional<std::chrono::milliseconds> at_most;  // nothing: until a signal
};

struct AuditCommand {
  std::string target;  // empty: everything
  SourceOptions source;
  Format format = Format::kText;
  FailOn fail_on = every_failure();
  bool quiet = false;
  std::optional<WaitOptions> wait;

  bool objects = false;
  std::vector<std::string> columns;
  bool headings = true;
  bool raw = false;
};

// Prints the findings, or the table of objects.  Error: exit code 1.
Result<ExitCode> run_audit(const AuditCommand& command, const Environment& environment);

}  // namespace vmleak
