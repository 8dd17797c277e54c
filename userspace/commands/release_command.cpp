// SPDX-License-Identifier: Apache-2.0
#include "commands/release_command.h"

#include <utility>

#include "base/pci_address.h"
#include "commands/release_run.h"
#include "host/host_root.h"
#include "report/release_report.h"

namespace vmleak {
namespace {

Result<PlannedRelease> plan_it(const ReleaseCommand& command, const Environment& environment) {
  PlannedRelease out;
  out.options.action = command.action;
  out.options.max_risk = command.max_risk;
  out.options.plan_id = command.plan_id;
  out.source = command.source;
  out.source.host_uses = true;
  if (auto address = canonical_pci_address(command.target)) {
    out.source.functions.insert(*std::move(address));
  }
  // What another host's snapshot says is planned without this host's journal.
  // Who may not read it may not read this host either, which is said below.
  if (command.source.from.empty() && environment.who().root) {
    auto unfinished = read_unfinished(environment, environment.host().boot_id, false);
    if (!unfinished) return unfinished.error();
    for (const auto& run : *unfinished) {
      out.source.functions.insert(run.devices.begin(), run.devices.end());
    }
    out.options.unfinished = std::move(*unfinished);
    out.options.own_processes = environment.who().processes;
    out.options.nvidia_smi = find_nvidia_smi(HostRoot());
  }
  auto judged = load_and_audit(out.source, command.target, environment);
  if (!judged) return judged.error();
  out.judged = std::move(*judged);
  const auto target = resolve_release_target(out.judged.snapshot, out.judged.report, command.target,
                                             out.options.unfinished);
  if (!target) return target.error();
  out.plan = plan_release(out.judged.snapshot, out.judged.report, *target, out.options);
  return out;
}

}  // namespace

Result<ExitCode> run_release(const ReleaseCommand& command, const Environment& environment) {
  if (command.yes && !environment.who().root) {
    environment.tell("vmleak: release " + printable(command.target) +
                     ": refused, only root may change the host; nothing was changed");
    return kExitRefused;
  }
  auto planned = plan_it(command, environment);
  if (!planned) return planned.error();
  if (command.yes && planned->plan.ready()) {
    return carry_out(command, *std::move(planned), environment);
  }
  const auto& plan = planned->plan;
  const auto text =
      command.format == Format::kText ? plan_text(plan, environment.style) : plan_json(plan);
  if (auto written = environment.write(text); !written) return written.error();
  return plan.ready() ? kExitClean : kExitRefused;
}

}  // namespace vmleak
