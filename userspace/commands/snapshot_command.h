// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/input.h"

namespace vmleak {

struct SnapshotCommand {
  SourceOptions source;
  std::string output;  // empty or "-": standard output
  bool redact = false;
};

// Writes the snapshot as JSON.  Error: exit code 1.
Result<ExitCode> run_snapshot(const SnapshotCommand& command, const Environment& environment);

}  // namespace vmleak
