// SPDX-License-Identifier: Apache-2.0
#include "report/journal_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "audit/wording.h"

namespace vmleak {
namespace {

std::string time_text(std::uint64_t time_ns) { return time_ns == 0 ? "" : rfc3339(time_ns); }

// How a run stands, in few words.
std::string state_of(const JournalRun& run) {
  if (!run.outcome.empty()) return run.outcome;
  return run.cut.empty() ? "running" : run.cut;
}

std::string finish_command(const JournalRun& run) {
  const auto& devices = run.start.devices;
  return fmt::format("vmleak release {} --action finish --yes",
                     devices.empty() ? run.start.target : devices.front());
}

std::string step_text(const JournalStep& step) {
  if (!step.started) return "not begun";
  std::string text = step.result.empty() ? "begun, its end is not recorded" : step.result;
  if (!step.detail.empty()) text += ": " + step.detail;
  if (!step.before.empty() && step.before != step.after) {
    text += fmt::format(" ({} -> {})", step.before, step.after.empty() ? "?" : step.after);
  }
  return text;
}

void append_open(TextPage& page, const JournalRun& run) {
  if (run.open_steps.empty()) return;
  bool first = true;
  for (const auto step : run.open_steps) {
    page.row(first ? "Open" : "", run.steps[step].step.text);
    first = false;
  }
  page.row("Next", finish_command(run));
}

std::string title_of(const JournalRun& run) {
  return fmt::format("{} {}", run.start.action, run.start.target);
}

Verdict colour_of(const JournalRun& run) {
  if (!run.open_steps.empty()) return Verdict::kLeaked;
  return run.outcome == kRunReleased ? Verdict::kClean : Verdict::kStale;
}

}  // namespace

void append_run_steps(TextPage& page, const JournalRun& run) {
  int number = 0;
  for (const auto& step : run.steps) {
    ++number;
    page.row(number == 1 ? "Steps" : "",
             fmt::format("{}. {}: {}", number, step.step.text, step_text(step)));
  }
}

std::string journal_text(const std::vector<JournalRun>& runs,
                         const std::vector<std::string>& problems, const TextStyle& style) {
  TextPage page(style);
  if (runs.empty() && problems.empty()) page.paragraph("No release was carried out on this host.");
  for (const auto& run : runs) {
    page.title(title_of(run), colour_of(run), upper(state_of(run)));
    page.row("Run", fmt::format("{}: {} by {}", run.start.run, time_text(run.start.time_ns),
                                run.start.user));
    if (!run.detail.empty()) page.row("Why", run.detail);
    if (!run.finished_by.empty()) page.row("Finished", "by run " + run.finished_by);
    append_open(page, run);
    page.blank();
  }
  for (const auto& problem : problems) page.row("Damaged", problem);
  return page.text();
}

std::string run_text(const JournalRun& run, const TextStyle& style) {
  TextPage page(style);
  page.title(title_of(run), colour_of(run), upper(state_of(run)));
  page.row("Run", run.start.run + ", plan " + run.start.plan);
  if (!run.start.finishes.empty()) page.row("Finishes", "run " + run.start.finishes);
  page.row("When", fmt::format("{} by {}", time_text(run.start.time_ns), run.start.user));
  if (run.ended_ns != 0) page.row("Ended", time_text(run.ended_ns));
  if (!run.start.devices.empty()) {
    page.row("Touches", fmt::format("{}", fmt::join(run.start.devices, ", ")));
  }
  append_run_steps(page, run);
  if (!run.detail.empty()) page.row("Why", run.detail);
  if (!run.finished_by.empty()) page.row("Finished", "by run " + run.finished_by);
  append_open(page, run);
  return page.text();
}

Json run_json(const JournalRun& run) {
  auto steps = Json::array();
  for (const auto& step : run.steps) {
    steps.push_back({{"kind", to_string(step.step.kind)},
                     {"text", step.step.text},
                     {"device", text_or_null(step.step.address)},
                     {"result", text_or_null(step.result)},
                     {"before", text_or_null(step.before)},
                     {"after", text_or_null(step.after)},
                     {"detail", text_or_null(step.detail)},
                     {"started", text_or_null(time_text(step.started_ns))},
                     {"ended", text_or_null(time_text(step.ended_ns))}});
  }
  return {{"id", run.start.run},
          {"outcome", text_or_null(run.outcome)},
          {"detail", text_or_null(run.detail)},
          {"cut", text_or_null(run.cut)},
          {"started", text_or_null(time_text(run.start.time_ns))},
          {"ended", text_or_null(time_text(run.ended_ns))},
          {"user", run.start.user},
          {"plan", run.start.plan},
          {"action", run.start.action},
          {"target", run.start.target},
          {"devices", run.start.devices},
          {"finishes", text_or_null(run.start.finishes)},
          {"finished_by", text_or_null(run.finished_by)},
          {"steps", std::move(steps)},
          {"open_steps", run.open_steps}};
}

std::string journal_json(const std::vector<JournalRun>& runs,
                         const std::vector<std::string>& problems) {
  auto list = Json::array();
  for (const auto& run : runs) list.push_back(run_json(run));
  return dump_document(
      {{"schema", kJournalSchema}, {"runs", std::move(list)}, {"problems", problems}});
}

}  // namespace vmleak
