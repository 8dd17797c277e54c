// SPDX-License-Identifier: Apache-2.0
#include "report/release_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/json_parts.h"

namespace vmleak {
namespace {

void append_list(TextPage& page, std::string_view label, const std::vector<std::string>& list) {
  for (const auto& text : list) page.row(&text == list.data() ? label : "", text);
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
  bool first = true;
  for (const auto& it : plan.preconditions) {
    page.row(first ? "Needs" : "", it.met ? fmt::format("met: {}", it.text)
                                          : fmt::format("NOT met: {}: {}", it.text, it.why));
    first = false;
  }
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
                        {"plan",
                         {{"id", plan.id},
                          {"action", text_or_null(plan.action)},
                          {"ready", plan.ready()},
                          {"summary", plan.summary},
                          {"risk", to_string(plan.risk)},
                          {"devices", plan.devices},
                          {"steps", steps_json(plan.steps)},
                          {"preconditions", preconditions_json(plan.preconditions)},
                          {"verification", plan.verification},
                          {"undo", text_or_null(plan.undo)},
                          {"blocked_by", plan.blocked_by},
                          {"next", plan.next}}}});
}

}  // namespace vmleak
