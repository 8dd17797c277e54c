// SPDX-License-Identifier: Apache-2.0

// What the records of the journal say together.
#include <algorithm>

#include "remedy/executor.h"
#include "remedy/journal.h"

namespace vmleak {
namespace {

JournalRun* find_run(std::vector<JournalRun>& runs, std::string_view id) {
  const auto found = std::find_if(runs.begin(), runs.end(),
                                  [id](const JournalRun& run) { return run.start.run == id; });
  return found == runs.end() ? nullptr : &*found;
}

void start_run(std::vector<JournalRun>& runs, const JournalRecord& record) {
  JournalRun run;
  run.start = record;
  for (const auto& step : record.steps) {
    JournalStep entry;
    entry.step = step;
    run.steps.push_back(std::move(entry));
  }
  runs.push_back(std::move(run));
}

void add_record(JournalRun& run, const JournalRecord& record) {
  if (record.event == JournalEvent::kRunEnded) {
    run.outcome = record.result;
    run.detail = record.detail;
    run.ended_ns = record.time_ns;
    return;
  }
  if (record.step >= run.steps.size()) return;
  auto& step = run.steps[record.step];
  if (record.event == JournalEvent::kStepStarted) {
    step.started = true;
    step.started_ns = record.time_ns;
    step.before = record.before;
    return;
  }
  step.ended_ns = record.time_ns;
  step.result = record.result;
  step.after = record.after;
  step.detail = record.detail;
}

// Steps can be gone through again only in order, from the first that is not done.
std::vector<std::size_t> steps_left(const JournalRun& run) {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (!left.empty() || !run.steps[i].is_done()) left.push_back(i);
  }
  return left;
}

// Ended or not, what it took down was put up again by somebody.
bool is_settled(const JournalRun& run) { return run.outcome == kRunReleased; }

}  // namespace

std::vector<JournalRun> journal_runs(const Journal& journal, std::string_view boot_id,
                                     bool locked) {
  std::vector<JournalRun> runs;
  for (const auto& record : journal.records) {
    if (record.event == JournalEvent::kRunStarted) {
      start_run(runs, record);
    } else if (auto* run = find_run(runs, record.run)) {
      add_record(*run, record);
    }
  }
  for (auto& run : runs) {
    const bool is_last = &run == &runs.back();
    const bool other_boot = run.start.boot_id != boot_id;
    if (run.outcome.empty()) {
      run.cut = locked && is_last ? "running" : other_boot ? "cut: the host was restarted" : "cut";
    }
    if (run.outcome == kRunReleased && !run.start.finishes.empty()) {
      if (auto* first = find_run(runs, run.start.finishes)) first->finished_by = run.start.run;
    }
  }
  for (auto& run : runs) {
    // A restart finds all devices again and forgets every override.
    const bool moot = run.start.boot_id != boot_id || !run.finished_by.empty() ||
                      run.cut == "running" || is_settled(run);
    // The run that tried to finish another one is open through that one.
    if (moot || !run.start.finishes.empty() || !changed_something(run)) continue;
    run.open_steps = steps_left(run);
  }
  return runs;
}

std::vector<UnfinishedRun> unfinished_runs(const std::vector<JournalRun>& runs) {
  std::vector<UnfinishedRun> out;
  for (const auto& run : runs) {
    if (run.open_steps.empty()) continue;
    UnfinishedRun open{run.start.run,     run.start.action,
                       run.start.time_ns, run.outcome.empty() ? run.cut : run.outcome,
                       run.start.devices, {},
                       run.start.expected};
    for (const auto step : run.open_steps) open.open_steps.push_back(run.steps[step].step);
    out.push_back(std::move(open));
  }
  return out;
}

}  // namespace vmleak
