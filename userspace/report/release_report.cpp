// SPDX-License-Identifier: Apache-2.0
#include "report/release_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "report/journal_report.h"
#include "report/json_parts.h"

namespace vmleak {
namespace {

void append_list(TextPage& page, std::string_view label, const std::vector<std::string>& list) {
  for (const auto& text : list) page.row(&text == list.data() ? label : "", text);
}

// The command that leads on after a run.
std::vector<std::string> next_after(const Plan& plan, const ReleaseOutcome& outcome) {
  if (outcome.run.outcome == kRunReleased) {
    std::vector<std::string> next;
    for (const auto& finding : outcome.left) {
      for (const auto& remedy : finding.remedies) {
        if (!remedy.command.empty()) next.push_back(remedy.command);
      }
    }
    return next;
  }
  return {fmt::format("vmleak release {}", plan.target),
          fmt::format("vmleak journal {}", outcome.run.start.run)};
}

Json preconditions_json(const std::vector<Precondition>& preconditions) {
  auto out = Json::array();
  for (const auto& it : preconditions) {
    out.push_back(
        {{"name", it.name}, {"text", it.text}, {"met", it.met}, {"why", text_or_null(it.why)}});
  }
  return out;
}

Json steps_json(const std::vector<PlanStep>& steps) {
  auto out = Json::array();
  for (const auto& step : steps) {
    out.push_back({{"kind", to_string(step.kind)},
                   {"device", text_or_null(step.address)},
                   {"pid", step.pid == 0 ? Json() : Json(step.pid)},
                   {"text", step.text}});
  }
  return out;
}

Json plan_object(const Plan& plan) {
  return {{"id", plan.id},
          {"action", text_or_null(plan.action)},
          {"ready", plan.ready()},
          {"summary", plan.summary},
          {"risk", to_string(plan.risk)},
          {"devices", plan.devices},
          {"steps", steps_json(plan.steps)},
          {"preconditions", preconditions_json(plan.preconditions)},
          {"verification", plan.verification},
          {"undo", text_or_null(plan.undo)},
          {"finishes", text_or_null(plan.finishes)},
          {"blocked_by", plan.blocked_by},
          {"next", plan.next}};
}

void append_checks(TextPage& page, std::string_view label,
                   const std::vector<Precondition>& checks) {
  bool first = true;
  for (const auto& it : checks) {
    page.row(first ? label : "", it.met ? fmt::format("met: {}", it.text)
                                        : fmt::format("NOT met: {}: {}", it.text, it.why));
    first = false;
  }
}

}  // namespace

std::string plan_text(const Plan& plan, const TextStyle& style) {
  TextPage page(style);
  page.title(plan.target, plan.ready() ? Verdict::kClean : Verdict::kLeaked,
             plan.ready() ? "READY" : "BLOCKED");
  page.row("State", plan.summary);
  if (!plan.action.empty()) {
    page.row("Plan", fmt::format("{}: {}, {} risk", plan.id, plan.action, to_string(plan.risk)));
  }
  if (!plan.devices.empty()) page.row("Touches", fmt::format("{}", fmt::join(plan.devices, ", ")));
  int number = 0;
  for (const auto& step : plan.steps) {
    ++number;
    page.row(number == 1 ? "Steps" : "", fmt::format("{}. {}", number, step.text));
  }
  append_checks(page, "Needs", plan.preconditions);
  append_list(page, "Verified", plan.verification);
  if (!plan.undo.empty()) page.row("Undo", plan.undo);
  append_list(page, "Blocked by", plan.blocked_by);
  append_list(page, "Next", plan.next);
  page.blank();
  page.paragraph("Nothing was changed.");
  return page.text();
}

std::string plan_json(const Plan& plan) {
  return dump_document({{"schema", "vmleak.release/1"},
                        {"target", plan.target},
                        {"plan", plan_object(plan)},
                        {"run", nullptr}});
}

std::string release_text(const Plan& plan, const ReleaseOutcome& outcome, const TextStyle& style) {
  const auto& run = outcome.run;
  const bool released = run.outcome == kRunReleased;
  TextPage page(style);
  page.title(plan.target, released ? Verdict::kClean : Verdict::kLeaked, upper(run.outcome));
  page.row("Plan", fmt::format("{}: {}, {} risk", plan.id, plan.action, to_string(plan.risk)));
  append_run_steps(page, run);
  // A step that failed says why.
  const bool said = std::any_of(run.steps.begin(), run.steps.end(), [](const JournalStep& step) {
    return step.started && !step.is_done();
  });
  if (!run.detail.empty() && !said) page.row("Why", run.detail);
  append_checks(page, "Verified", outcome.verification);
  bool first = true;
  std::set<std::string> told;
  for (const auto& finding : outcome.left) {
    page.row(first ? "Left" : "",
             fmt::format("{} {}: {}", to_string(finding.verdict), finding.id, finding.summary));
    first = false;
    for (const auto& evidence : finding.evidence) {
      const bool waits = evidence.source == "blocked removal" || evidence.source == "waiting task";
      const bool is_new = finding.summary.find(evidence.text) == std::string::npos;
      if (waits && is_new && told.insert(evidence.text).second) page.row("", evidence.text);
    }
  }
  first = true;
  for (const auto& finding : outcome.stays) {
    page.row(first ? "Stays" : "",
             fmt::format("{} {}: {}; it hinders no device, and a reboot ends it",
                         to_string(finding.verdict), finding.id, finding.summary));
    first = false;
  }
  page.row("Journal", "vmleak journal " + run.start.run);
  append_list(page, "Next", next_after(plan, outcome));
  return page.text();
}

std::string release_json(const Plan& plan, const ReleaseOutcome& outcome) {
  auto run = run_json(outcome.run);
  run["verification"] = preconditions_json(outcome.verification);
  auto left = Json::array();
  for (const auto& finding : outcome.left) left.push_back(finding_json(finding));
  run["findings"] = std::move(left);
  auto stays = Json::array();
  for (const auto& finding : outcome.stays) stays.push_back(finding_json(finding));
  run["stays"] = std::move(stays);
  run["next"] = next_after(plan, outcome);
  return dump_document({{"schema", "vmleak.release/1"},
                        {"target", plan.target},
                        {"plan", plan_object(plan)},
                        {"run", std::move(run)}});
}

}  // namespace vmleak
