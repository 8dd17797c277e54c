// SPDX-License-Identifier: Apache-2.0
#include "remedy/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/siphash.h"
#include "model/names.h"
#include "remedy/actions.h"

namespace vmleak {
namespace {

constexpr NameTable<Risk, 3> kRisks{
    {{Risk::kLow, "low"}, {Risk::kMedium, "medium"}, {Risk::kHigh, "high"}}};

constexpr int kIdDigits = 8;

// A target has the same id by whatever name it was asked for.
std::string node_facts(const Subject& subject) {
  std::vector<std::string> lines;
  for (const auto index : subject.nodes) {
    const auto& node = subject.graph().node(index);
    if (node.kind == NodeKind::kIommuGroup) continue;
    auto line = fmt::format("{} {}", node.id, node.instance);
    for (const auto& balance : subject.graph().balances(index)) {
      line += fmt::format(" {} {} {}", balance.counter, balance.value, balance.unaccounted);
    }
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

// The identity of the target and everything the steps rest on.  Not part of it:
// how the risk was accepted, and texts with times in them.
std::string plan_id(const Subject& subject, const Plan& plan) {
  std::string facts = fmt::format("{}\n{}\n", subject.snapshot.host.boot_id, plan.action);
  for (const auto* function : subject.unit) {
    facts += fmt::format("{} {:04x}:{:04x} {} {} {}\n", function->address, function->vendor,
                         function->device, function->driver, function->driver_override,
                         function->iommu_group);
  }
  facts += node_facts(subject);
  for (const auto& step : plan.steps) {
    facts += fmt::format("{} {} {}\n", step.text, step.pid, step.start_time_ns);
  }
  for (const auto& condition : plan.preconditions) {
    facts += fmt::format("{} {}\n", condition.name, condition.met);
  }
  return short_hash({0, 0}, facts, kIdDigits);
}

void add_verification(Plan& plan) {
  for (const auto& function : plan.expected) {
    auto text = fmt::format("{} is there as {:04x}:{:04x}", function.address, function.vendor,
                            function.device);
    if (function.native) text += ", on a driver of the host";
    if (!function.driver.empty()) text += ", on " + function.driver;
    plan.verification.push_back(std::move(text));
  }
  plan.verification.emplace_back("a new audit finds nothing left of it, all counters idle");
}

// Nothing but the risk stands in the way, and the risk was not accepted.
std::string missing_consent(const Plan& plan, const Action& action, const PlanOptions& options) {
  if (options.action == action.name || options.plan_id == plan.id) return "";
  if (action.only_when_named) {
    return fmt::format("\"{}\" is done only when it is asked for by name", action.name);
  }
  if (plan.risk <= options.max_risk) return "";
  return fmt::format("its risk is {}, more than --max-risk {}", to_string(plan.risk),
                     to_string(options.max_risk));
}

Plan plan_action(const Subject& subject, const Action& action) {
  Plan plan;
  plan.target = subject.target.text;
  plan.action = action.name;
  plan.summary = situation_text(subject);
  plan.undo = action.undo;
  for (const auto node : subject.nodes) plan.nodes.push_back(subject.graph().node(node).id);
  add_steps(subject, action, plan);
  plan.preconditions = preconditions_of(subject, action);
  add_verification(plan);
  plan.id = plan_id(subject, plan);
  for (const auto& condition : plan.preconditions) {
    if (!condition.met) plan.blocked_by.push_back(condition.why);
  }
  const auto consent = missing_consent(plan, action, subject.options);
  const bool sound = plan.blocked_by.empty();
  if (!consent.empty()) plan.blocked_by.push_back(consent);
  const auto& target = subject.target.text;
  if (sound) {
    plan.next.push_back(consent.empty()
                            ? fmt::format("vmleak release {} --plan {} --yes", target, plan.id)
                            : fmt::format("vmleak release {} --action {}", target, action.name));
  } else if (subject.situation == Situation::kHeld || subject.situation == Situation::kDeviceHeld) {
    if (action.kind != ActionKind::kCloseHolder) {
      plan.next.push_back(fmt::format("vmleak release {} --action close-holder", target));
    }
    plan.next.push_back(fmt::format("vmleak explain {}", target));
  } else {
    plan.next.push_back(fmt::format("vmleak explain {}", target));
  }
  return plan;
}

// That a device is on a driver of the host says less than what for.
void add_host_uses(const Subject& subject, Plan& plan) {
  for (const auto& address : subject.target.addresses) {
    const auto* function = subject.find(address);
    if (function == nullptr) continue;
    for (const auto& use : function->host_uses) {
      plan.blocked_by.push_back(fmt::format("{}: {}", address, use.text));
    }
  }
}

Plan no_plan(const Subject& subject) {
  Plan plan;
  plan.target = subject.target.text;
  plan.summary = situation_text(subject);
  plan.blocked_by.push_back(plan.summary);
  if (subject.situation == Situation::kOnHostDriver) add_host_uses(subject, plan);
  plan.next.push_back(subject.situation == Situation::kReleasing
                          ? fmt::format("vmleak audit --wait=60s {}", plan.target)
                          : fmt::format("vmleak explain {}", plan.target));
  plan.id = plan_id(subject, plan);
  return plan;
}

}  // namespace

std::string_view to_string(Risk risk) { return name_of(kRisks, risk); }

std::optional<Risk> risk_from(std::string_view name) { return value_of(kRisks, name); }

std::vector<std::string> action_names() {
  std::vector<std::string> names;
  for (const auto& action : actions()) names.emplace_back(action.name);
  return names;
}

Plan plan_release(const Snapshot& snapshot, const AuditReport& report, const ReleaseTarget& target,
                  const PlanOptions& options) {
  const Subject subject(snapshot, report, target, options);
  if (const auto* named = find_action(options.action)) return plan_action(subject, *named);
  const auto* cure = cure_for(subject.situation);
  auto plan = cure == nullptr ? no_plan(subject) : plan_action(subject, *cure);
  if (options.plan_id.empty() || plan.id == options.plan_id) return plan;
  for (const auto& action : actions()) {
    auto other = plan_action(subject, action);
    if (other.id == options.plan_id) return other;
  }
  plan.blocked_by.push_back(
      fmt::format("plan {} is not what would be done now: facts have changed since it was made",
                  options.plan_id));
  plan.next = {fmt::format("vmleak release {}", target.text)};
  return plan;
}

}  // namespace vmleak
