// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fmt/format.h>

#include <variant>

#include "cli/arguments.h"
#include "commands/exit_code.h"

namespace vmleak {
namespace {

struct RunCommand {
  const Environment& environment;

  Result<ExitCode> operator()(const AuditCommand& command) const {
    return run_audit(command, environment);
  }
  Result<ExitCode> operator()(const ExplainCommand& command) const {
    return run_explain(command, environment);
  }
  Result<ExitCode> operator()(const DoctorCommand& command) const {
    return run_doctor(command, environment);
  }
  Result<ExitCode> operator()(const ArmCommand& command) const {
    return run_arm(command, environment);
  }
  Result<ExitCode> operator()(const DisarmCommand& command) const {
    return run_disarm(command, environment);
  }
  Result<ExitCode> operator()(const ReleaseCommand& command) const {
    return run_release(command, environment);
  }
  Result<ExitCode> operator()(const JournalCommand& command) const {
    return run_journal(command, environment);
  }
  Result<ExitCode> operator()(const SnapshotCommand& command) const {
    return run_snapshot(command, environment);
  }
};

int finish(const Result<ExitCode>& result, const Environment& environment) {
  if (result) return *result;
  if (environment.interrupted()) {
    environment.tell("vmleak: interrupted");
    return kExitSignal;
  }
  environment.tell("vmleak: " + printable(result.error().message));
  return kExitFailed;
}

}  // namespace

int run(const std::vector<std::string>& arguments, const Environment& environment,
        const std::function<void()>& set_verbose) {
  const auto parsed = parse_arguments(arguments);
  if (const auto* wrong = std::get_if<UsageError>(&parsed)) {
    environment.tell(wrong->text);
    return kExitUsage;
  }
  if (const auto* information = std::get_if<Information>(&parsed)) {
    const auto written = environment.write(information->text);
    return finish(written ? Result<ExitCode>(kExitClean) : written.error(), environment);
  }
  const auto& invocation = std::get<Invocation>(parsed);
  if (invocation.verbose) set_verbose();
  return finish(std::visit(RunCommand{environment}, invocation.command), environment);
}

}  // namespace vmleak
