// SPDX-License-Identifier: Apache-2.0
#include "commands/arm_command.h"

#include <optional>
#include <utility>

namespace vmleak {
namespace {

Status write_state(const ArmCommand& command, const std::optional<LedgerStatus>& status,
                   const std::optional<ArmOutcome>& outcome, const Environment& environment) {
  if (command.format != Format::kText) return environment.write(arm_json(status, outcome));
  if (!status) return environment.write("Nothing is armed.\n");
  return environment.write(arm_text(*status, outcome, environment.style));
}

}  // namespace

Result<ExitCode> run_arm(const ArmCommand& command, const Environment& environment) {
  std::optional<ArmOutcome> outcome;
  if (!command.status) {
    auto options = command.options;
    options.interrupted = environment.interrupted;
    auto armed = environment.arm(options);
    if (!armed) return armed.error();
    outcome = std::move(*armed);
  }
  const auto status = environment.ledger_status();
  if (!status) return status.error();
  if (auto written = write_state(command, *status, outcome, environment); !written) {
    return written.error();
  }
  return *status ? kExitClean : kExitFailed;
}

Result<ExitCode> run_disarm(const DisarmCommand& command, const Environment& environment) {
  const auto removed = environment.disarm();
  if (!removed) return removed.error();
  const auto text = command.format == Format::kText ? disarm_text(*removed) : disarm_json(*removed);
  if (auto written = environment.write(text); !written) return written.error();
  return kExitClean;
}

}  // namespace vmleak
