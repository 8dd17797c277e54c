// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "remedy/step.h"

namespace vmleak {

inline constexpr std::string_view kJournalSchema = "vmleak.journal/1";

// What a record of the journal tells.
enum class JournalEvent {
  kRunStarted,   // who, and the whole plan; nothing was changed yet
  kStepStarted,  // written before the step acts
  kStepEnded,    // with its result
  kRunEnded,     // with its outcome
};

// One line of the journal.
struct JournalRecord {
  JournalEvent event = JournalEvent::kRunStarted;
  std::uint64_t time_ns = 0;  // CLOCK_REALTIME
  std::string run;
  std::string boot_id;
  // Of kRunStarted.
  std::string user;
  std::string plan;
  std::string action;
  std::string target;
  std::string finishes;  // run whose open steps these are; empty: none
  std::vector<std::string> devices;
  std::vector<PlanStep> steps;
  std::vector<ExpectedFunction> expected;
  // Of kStepStarted and kStepEnded.
  std::size_t step = 0;
  std::string before;  // state of what the step acts on
  std::string after;
  // Of kStepEnded: "done", "already so", "failed", "blocked"; of kRunEnded:
  // "released", "not released", "stopped".
  std::string result;
  std::string detail;
};

inline constexpr std::string_view kStepDone = "done";
inline constexpr std::string_view kStepSkipped = "already so";
inline constexpr std::string_view kStepFailed = "failed";
inline constexpr std::string_view kStepBlocked = "blocked";
inline constexpr std::string_view kRunReleased = "released";
inline constexpr std::string_view kRunNotReleased = "not released";
inline constexpr std::string_view kRunStopped = "stopped";

// The record as one line, with its newline.
std::string journal_line(const JournalRecord& record);
Result<JournalRecord> parse_journal_line(std::string_view line);

struct Journal {
  std::vector<JournalRecord> records;
  // Lines that are no records: a last one torn by a crash, or damage.
  std::vector<std::string> problems;
};

Journal parse_journal(std::string_view text);

// What became of one step.
struct JournalStep {
  PlanStep step;
  bool started = false;
  std::string result;  // empty: it has no end
  std::string before;
  std::string after;
  std::string detail;
  std::uint64_t started_ns = 0;
  std::uint64_t ended_ns = 0;

  [[nodiscard]] bool is_done() const { return result == kStepDone || result == kStepSkipped; }
};

// All records of one run.
struct JournalRun {
  JournalRecord start;
  std::vector<JournalStep> steps;
  std::string outcome;  // empty: the run has no end
  std::string detail;
  std::uint64_t ended_ns = 0;
  std::string finished_by;  // a later run that did its open steps
  // Steps that are not done although the run changed something, in this boot
  // and not done by a later run.
  std::vector<std::size_t> open_steps;
  // Why it has no end: "running", "cut: the host was restarted", "cut"; empty
  // when it has one.
  std::string cut;
};

// The runs in the order they began.  `locked`: somebody is at a run now, which is
// the last one.
std::vector<JournalRun> journal_runs(const Journal& journal, std::string_view boot_id, bool locked);

// A run whose open steps can be done now.
struct UnfinishedRun {
  std::string run;
  std::string action;
  std::uint64_t time_ns = 0;
  std::string why;  // "cut", "stopped", ...
  std::vector<std::string> devices;
  std::vector<PlanStep> open_steps;
  std::vector<ExpectedFunction> expected;
};

std::vector<UnfinishedRun> unfinished_runs(const std::vector<JournalRun>& runs);

}  // namespace vmleak
