// SPDX-License-Identifier: Apache-2.0
#include "remedy/executor.h"

#include <utility>

namespace vmleak {
namespace {

JournalRecord record_of(const JournalRun& run, JournalEvent event, const RunContext& context) {
  JournalRecord record;
  record.event = event;
  record.time_ns = context.now_ns();
  record.run = run.start.run;
  record.boot_id = run.start.boot_id;
  return record;
}

JournalRun start_of(const Plan& plan, const RunContext& context) {
  JournalRun run;
  run.start.event = JournalEvent::kRunStarted;
  run.start.time_ns = context.now_ns();
  run.start.run = context.run;
  run.start.boot_id = context.boot_id;
  run.start.user = context.user;
  run.start.plan = plan.id;
  run.start.action = plan.action;
  run.start.target = plan.target;
  run.start.finishes = plan.finishes;
  run.start.devices = plan.devices;
  run.start.steps = plan.steps;
  run.start.expected = plan.expected;
  for (const auto& step : plan.steps) {
    JournalStep entry;
    entry.step = step;
    run.steps.push_back(std::move(entry));
  }
  return run;
}

// One step with its two records.
class StepRun {
 public:
  StepRun(JournalRun& run, std::size_t index, const RunContext& context, StepHands& hands,
          JournalWriter& journal)
      : run_(run),
        step_(run.steps[index]),
        index_(index),
        context_(context),
        hands_(hands),
        journal_(journal) {}

  // Why the run can't go on; empty: it can.
  std::string go() {
    const auto look = hands_.look(step_.step);
    step_.before = look ? look->state : look.error().message;
    step_.started_ns = context_.now_ns();
    if (auto written = write(JournalEvent::kStepStarted); !written) {
      return "not begun: " + written.error().message;
    }
    step_.started = true;
    context_.progress(step_.step, step_);
    if (!look) {
      end(kStepFailed, look.error().message);
    } else if (look->done) {
      end(changes_something(step_.step.kind) ? kStepSkipped : kStepDone, "");
    } else if (!look->why_not.empty()) {
      end(kStepFailed, look->why_not);
    } else {
      act();
    }
    return finish();
  }

 private:
  // The step as it is by now.
  Status write(JournalEvent event) {
    auto record = record_of(run_, event, context_);
    record.step = index_;
    record.before = step_.before;
    record.after = step_.after;
    record.result = step_.result;
    record.detail = step_.detail;
    return journal_.append(record);
  }

  void end(std::string_view result, std::string_view detail) {
    step_.result = result;
    step_.detail = detail;
  }

  void act() {
    const auto acted = hands_.act(step_.step);
    if (acted) return end(kStepDone, "");
    end(acted.error().code == ETIMEDOUT ? kStepBlocked : kStepFailed, acted.error().message);
  }

  std::string finish() {
    const auto look = hands_.look(step_.step);
    step_.after = look ? look->state : look.error().message;
    step_.ended_ns = context_.now_ns();
    const auto written = write(JournalEvent::kStepEnded);
    context_.progress(step_.step, step_);
    if (!step_.is_done()) return step_.step.text + ": " + step_.detail;
    return written ? "" : written.error().message;
  }

  JournalRun& run_;
  JournalStep& step_;
  std::size_t index_;
  const RunContext& context_;
  StepHands& hands_;
  JournalWriter& journal_;
};

}  // namespace

bool changed_something(const JournalRun& run) {
  for (const auto& step : run.steps) {
    if (step.started && changes_something(step.step.kind) && step.result != kStepSkipped &&
        step.result != kStepFailed) {
      return true;
    }
  }
  return false;
}

Result<JournalRun> run_steps(const Plan& plan, const RunContext& context, StepHands& hands,
                             JournalWriter& journal) {
  auto run = start_of(plan, context);
  if (auto written = journal.append(run.start); !written) return written.error();
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (context.interrupted()) {
      run.outcome = kRunStopped;
      run.detail = "interrupted before: " + run.steps[i].step.text;
      return run;
    }
    auto why = StepRun(run, i, context, hands, journal).go();
    if (why.empty()) continue;
    run.outcome = kRunNotReleased;
    run.detail = std::move(why);
    return run;
  }
  return run;
}

Status end_run(JournalRun& run, std::string_view outcome, std::string_view detail,
               const RunContext& context, JournalWriter& journal) {
  run.outcome = outcome;
  run.detail = detail;
  run.ended_ns = context.now_ns();
  auto record = record_of(run, JournalEvent::kRunEnded, context);
  record.result = outcome;
  record.detail = detail;
  return journal.append(record);
}

}  // namespace vmleak
