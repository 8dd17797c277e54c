// SPDX-License-Identifier: Apache-2.0
#include "commands/release_command.h"

#include "report/release_report.h"

namespace vmleak {

Result<ExitCode> run_release(const ReleaseCommand& command, const Environment& environment) {
  auto source = command.source;
  source.host_uses = true;
  const auto judged = load_and_audit(source, command.target, environment);
  if (!judged) return judged.error();
  PlanOptions options;
  options.action = command.action;
  options.max_risk = command.max_risk;
  const auto target =
      resolve_release_target(judged->snapshot, judged->report, command.target, options.unfinished);
  if (!target) return target.error();
  const auto plan = plan_release(judged->snapshot, judged->report, *target, options);
  const auto text =
      command.format == Format::kText ? plan_text(plan, environment.style) : plan_json(plan);
  if (auto written = environment.write(text); !written) return written.error();
  return plan.ready() ? kExitClean : kExitRefused;
}

}  // namespace vmleak
