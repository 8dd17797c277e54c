// SPDX-License-Identifier: Apache-2.0
#include "commands/release_run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "audit/audit.h"
#include "remedy/executor.h"
#include "remedy/verification.h"
#include "report/release_report.h"

namespace vmleak {
namespace {

std::uint64_t now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// Sorts by time and is unique: only one process at a time has the journal.
std::string new_run_name() {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kMicrosecond = 1'000;
  const auto now = now_ns();
  return fmt::format("{:%Y%m%dT%H%M%S}.{:06}Z-{}",
                     fmt::gmtime(static_cast<std::time_t>(now / kSecond)),
                     now % kSecond / kMicrosecond, ::getpid());
}

bool has_driver(const Snapshot& snapshot, const std::string& address,
                bool (*is)(std::string_view)) {
  return std::any_of(snapshot.pci_functions.begin(), snapshot.pci_functions.end(),
                     [&](const PciFunction& function) {
                       return function.address == address && is(function.driver);
                     });
}

class ReleaseRun {
 public:
  ReleaseRun(const ReleaseCommand& command, PlannedRelease planned, const Environment& environment)
      : command_(command), planned_(std::move(planned)), environment_(environment) {
    for (const auto& expected : planned_.plan.expected) {
      planned_.source.functions.insert(expected.address);
    }
    context_.run = new_run_name();
    context_.user = environment.who().user;
    context_.boot_id = planned_.judged.snapshot.host.boot_id;
    context_.now_ns = now_ns;
    context_.interrupted = environment.interrupted;
    context_.progress = [this](const PlanStep& step, const JournalStep& state) {
      say_progress(step, state);
    };
  }

  Result<ExitCode> run() {
    auto journal = environment_.open_journal();
    if (!journal) {
      return refuse(journal.error().code == EWOULDBLOCK
                        ? "another vmleak release is at work"
                        : "what is done could not be recorded: " + journal.error().message);
    }
    if (auto same = facts_are_the_same(); !same) return same.error();
    if (!refusal_.empty()) return refuse(refusal_);
    const auto hands = environment_.hands(command_.deadline);
    if (auto guarded = hands->guard(planned_.plan.guarded_groups); !guarded) {
      return refuse("somebody uses it now: " + guarded.error().message);
    }
    auto done = run_steps(planned_.plan, context_, *hands, **journal);
    static_cast<void>(hands->guard({}));
    if (!done) return refuse("what is done could not be recorded: " + done.error().message);
    outcome_.run = *std::move(done);
    if (outcome_.run.outcome.empty()) {
      verify(*hands);
    } else {
      look_for_reasons();
    }
    const auto ended = end_run(outcome_.run, std::string(outcome_.run.outcome),
                               std::string(outcome_.run.detail), context_, **journal);
    if (!ended) environment_.tell("vmleak: " + ended.error().message);
    return print();
  }

 private:
  Result<ExitCode> refuse(const std::string& why) {
    planned_.plan.blocked_by.push_back(why);
    planned_.plan.next = {fmt::format("vmleak release {}", command_.target)};
    const auto text = command_.format == Format::kText
                          ? plan_text(planned_.plan, environment_.style)
                          : plan_json(planned_.plan);
    if (auto written = environment_.write(text); !written) return written.error();
    return kExitRefused;
  }

  // A look at the host right before acting: one more sample, and the plan made
  // anew from it has to be the same in all its facts.
  Status facts_are_the_same() {
    auto source = planned_.source;
    source.no_wait = true;
    auto now = load_snapshot(source, command_.target, environment_);
    if (!now) return now.error();
    auto unfinished = read_unfinished(environment_, context_.boot_id, true);
    if (!unfinished) return unfinished.error();
    auto samples = planned_.judged.snapshot.samples;
    samples.push_back(now->samples.back());
    now->samples = std::move(samples);
    now->settle_ns = planned_.judged.snapshot.settle_ns;
    const auto report = audit(*now, {planned_.source.no_wait});
    auto options = planned_.options;
    options.unfinished = *std::move(unfinished);
    const auto target = resolve_release_target(*now, report, command_.target, options.unfinished);
    if (!target) {
      refusal_ = "facts have changed: " + target.error().message;
      return {};
    }
    const auto plan = plan_release(*now, report, *target, options);
    if (!plan.ready()) {
      refusal_ = fmt::format("facts have changed: {}", plan.blocked_by.front());
    } else if (plan.id != planned_.plan.id) {
      refusal_ = fmt::format("facts have changed: the plan would be {} now, not {}", plan.id,
                             planned_.plan.id);
    }
    return {};
  }

  void say_progress(const PlanStep& step, const JournalStep& state) const {
    if (state.result.empty()) {
      environment_.tell("vmleak: " + printable(step.text));
    } else if (!state.is_done()) {
      environment_.tell(fmt::format("vmleak: {}: {}", state.result, printable(state.detail)));
    }
  }

  Result<Judged> audit_again(bool wait) {
    auto source = planned_.source;
    source.no_wait = source.no_wait || !wait;
    source.host_uses = false;
    return load_and_audit(source, command_.target, environment_);
  }

  void verify(StepHands& hands) {
    const auto after = audit_again(true);
    if (!after) {
      outcome_.run.outcome = kRunNotReleased;
      outcome_.run.detail = "all steps are done, but not verified: " + after.error().message;
      return;
    }
    auto& checks = outcome_.verification;
    checks = verify_release(planned_.plan, after->snapshot, after->report);
    for (const auto& expected : planned_.plan.expected) {
      if (!has_driver(after->snapshot, expected.address, is_vfio_driver)) continue;
      const auto opened = hands.try_open(expected.address);
      checks.push_back({"opens", expected.address + " can be opened by its next user",
                        static_cast<bool>(opened), opened ? "" : opened.error().message});
    }
    const auto failed = std::find_if(checks.begin(), checks.end(),
                                     [](const Precondition& check) { return !check.met; });
    const bool released = failed == checks.end();
    outcome_.run.outcome = released ? kRunReleased : kRunNotReleased;
    outcome_.run.detail = released ? "" : fmt::format("not so: {}: {}", failed->text, failed->why);
    outcome_.left = findings_about(planned_.plan, after->report);
    outcome_.stays = findings_that_stay(planned_.plan, after->report);
  }

  // Whom a blocked step waits for: the audit has it.
  void look_for_reasons() {
    const auto after = audit_again(false);
    if (after) outcome_.left = findings_about(planned_.plan, after->report);
  }

  Result<ExitCode> print() {
    const auto text = command_.format == Format::kText
                          ? release_text(planned_.plan, outcome_, environment_.style)
                          : release_json(planned_.plan, outcome_);
    if (auto written = environment_.write(text); !written) return written.error();
    if (outcome_.run.outcome == kRunReleased) return kExitClean;
    return outcome_.run.outcome == kRunStopped ? kExitSignal : kExitFound;
  }

  const ReleaseCommand& command_;
  PlannedRelease planned_;
  const Environment& environment_;
  RunContext context_;
  ReleaseOutcome outcome_;
  std::string refusal_;
};

}  // namespace

Result<std::vector<UnfinishedRun>> read_unfinished(const Environment& environment,
                                                   const std::string& boot_id, bool own_lock) {
  const auto journal = environment.read_journal();
  if (!journal) return journal.error();
  const bool others = journal->locked && !own_lock;
  return unfinished_runs(journal_runs(parse_journal(journal->text), boot_id, others));
}

Result<ExitCode> carry_out(const ReleaseCommand& command, PlannedRelease planned,
                           const Environment& environment) {
  return ReleaseRun(command, std::move(planned), environment).run();
}

}  // namespace vmleak
