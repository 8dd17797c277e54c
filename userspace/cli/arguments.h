// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "commands/arm_command.h"
#include "commands/audit_command.h"
#include "commands/doctor_command.h"
#include "commands/explain_command.h"
#include "commands/journal_command.h"
#include "commands/release_command.h"
#include "commands/snapshot_command.h"

namespace vmleak {

struct Invocation {
  std::variant<AuditCommand, ExplainCommand, DoctorCommand, SnapshotCommand, ReleaseCommand,
               JournalCommand, ArmCommand, DisarmCommand>
      command;
  bool verbose = false;
};

// --help, --version: text for standard output.
struct Information {
  std::string text;
};

// One line that says what is wrong, and where to read more.
struct UsageError {
  std::string text;
};

using Parsed = std::variant<Invocation, Information, UsageError>;

// What the arguments (without the program's name) ask for.
Parsed parse_arguments(const std::vector<std::string>& arguments);

}  // namespace vmleak
