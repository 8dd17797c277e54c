// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "commands/arm_ledger.h"
#include "commands/collect.h"
#include "executor/journal_file.h"
#include "host/operator.h"
#include "model/snapshot.h"
#include "remedy/executor.h"
#include "report/text.h"

namespace vmleak {

// What a command touches besides its options, so that a test can stand in for
// the host and the terminal.
struct Environment {
  // Writes to standard output, whole or with an error.
  std::function<Status(std::string_view)> write;
  // One line for a person, to standard error.
  std::function<void(std::string_view)> tell;
  std::function<Result<Snapshot>(const CollectOptions&,
                                 const std::function<bool(const Snapshot&)>&)>
      collect;
  std::function<Result<Coverage>(const CollectOptions&)> probe;
  // The ledger that lives without a process.
  std::function<Result<ArmOutcome>(const ArmOptions&)> arm;
  std::function<Result<std::optional<LedgerStatus>>()> ledger_status;
  std::function<Result<std::vector<std::string>>()> disarm;
  // What a release needs: who asks for it, what was done before, where to write
  // what is done now, and the hands to do it with.
  std::function<Operator()> who;
  std::function<HostInfo()> host;
  std::function<Result<JournalText>()> read_journal;
  std::function<Result<std::unique_ptr<JournalWriter>>()> open_journal;
  std::function<std::unique_ptr<StepHands>(std::chrono::milliseconds deadline)> hands;
  std::function<void(std::chrono::milliseconds)> sleep;
  std::function<bool()> interrupted;  // a signal asked to stop
  TextStyle style;
  int input = STDIN_FILENO;  // what "--from -" reads
};

}  // namespace vmleak
