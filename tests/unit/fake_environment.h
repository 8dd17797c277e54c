// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/environment.h"

namespace vmleak::testing {

// Hands that remember what they were asked to do, and a step that fails.
struct FakeHands {
  std::vector<std::string> acted;  // kinds of steps
  std::vector<std::int64_t> guarded;
  std::optional<StepKind> fails;
  Error failure{"write 1 to /sys/x: Input/output error", EIO};
  std::optional<StepKind> is_done;
  std::optional<StepKind> objected;
  Status guard_result;
  Status open_result;
  std::vector<std::string> opened;
  std::function<void(const PlanStep&)> on_act = [](const PlanStep& /*step*/) {};
};

class FakeStepHands : public StepHands {
 public:
  explicit FakeStepHands(FakeHands& state) : state_(state) {}

  Status guard(const std::vector<std::int64_t>& groups) override {
    if (!groups.empty()) state_.guarded = groups;
    return state_.guard_result;
  }
  Result<StepLook> look(const PlanStep& step) override {
    return StepLook{"so", step.kind == state_.is_done,
                    step.kind == state_.objected ? "it is on another driver" : ""};
  }
  Status act(const PlanStep& step) override {
    if (step.kind == state_.fails) return state_.failure;
    state_.acted.emplace_back(to_string(step.kind));
    state_.on_act(step);
    return {};
  }
  Status try_open(const std::string& pci_address) override {
    state_.opened.push_back(pci_address);
    return state_.open_result;
  }

 private:
  FakeHands& state_;
};

// A journal in memory, and where its writes begin to fail.
struct FakeJournal {
  std::string text;
  bool locked = false;
  std::size_t writes = 0;
  std::optional<std::size_t> fails_at;
};

class FakeJournalWriter : public JournalWriter {
 public:
  explicit FakeJournalWriter(FakeJournal& state) : state_(state) {}

  Status append(const JournalRecord& record) override {
    if (state_.fails_at && state_.writes >= *state_.fails_at) {
      return Error{"write /var/lib/vmleak/journal.ndjson: No space left on device", ENOSPC};
    }
    ++state_.writes;
    state_.text += journal_line(record);
    return {};
  }

 private:
  FakeJournal& state_;
};

// A host that answers with prepared snapshots and a terminal that remembers.
struct FakeHost {
  std::deque<Result<Snapshot>> snapshots;  // answers; the last one stays
  std::vector<CollectOptions> collected;   // what was asked for
  Result<Coverage> coverage = Coverage{};
  Result<std::optional<LedgerStatus>> ledger = std::optional<LedgerStatus>();
  Result<ArmOutcome> armed = ArmOutcome{};
  std::vector<ArmOptions> arming;  // what was asked for
  Result<std::vector<std::string>> disarmed = std::vector<std::string>();
  Status write_result;
  std::string out;
  std::vector<std::string> told;
  bool interrupted = false;
  int sleeps = 0;
  int input = -1;
  Operator who{.user = "root", .root = true, .processes = {}};
  FakeHands hands;
  FakeJournal journal;

  Environment environment() {
    Environment environment;
    environment.write = [this](std::string_view text) {
      out += text;
      return write_result;
    };
    environment.tell = [this](std::string_view line) { told.emplace_back(line); };
    environment.collect = [this](const CollectOptions& options, const auto& /*has_suspects*/) {
      collected.push_back(options);
      auto answer = snapshots.front();
      if (snapshots.size() > 1) snapshots.pop_front();
      return answer;
    };
    environment.probe = [this](const CollectOptions& /*options*/) { return coverage; };
    environment.arm = [this](const ArmOptions& options) {
      arming.push_back(options);
      return armed;
    };
    environment.ledger_status = [this] { return ledger; };
    environment.disarm = [this] { return disarmed; };
    environment.who = [this] { return who; };
    environment.host = [this] { return snapshots.front() ? snapshots.front()->host : HostInfo{}; };
    environment.read_journal = [this]() -> Result<JournalText> {
      return JournalText{journal.text, journal.locked};
    };
    environment.open_journal = [this]() -> Result<std::unique_ptr<JournalWriter>> {
      if (journal.locked) return Error{"lock the journal: busy", EWOULDBLOCK};
      return std::unique_ptr<JournalWriter>(std::make_unique<FakeJournalWriter>(journal));
    };
    environment.hands = [this](std::chrono::milliseconds /*deadline*/) {
      return std::unique_ptr<StepHands>(std::make_unique<FakeStepHands>(hands));
    };
    environment.sleep = [this](std::chrono::milliseconds /*time*/) { ++sleeps; };
    environment.interrupted = [this] { return interrupted; };
    environment.style = {.colour = false, .unicode = true, .width = 90};
    environment.input = input;
    return environment;
  }
};

}  // namespace vmleak::testing
