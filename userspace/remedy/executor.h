// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "remedy/journal.h"
#include "remedy/plan.h"

namespace vmleak {

// What a step finds right before it acts.
struct StepLook {
  std::string state;    // "on vfio-pci", "no driver", "not there", "runs"
  bool done = false;    // nothing is left to do
  std::string why_not;  // it must not be done now; empty: nothing speaks against it
};

// The host, as the steps of a plan look at it and act on it.
class StepHands {
 public:
  StepHands() = default;
  StepHands(const StepHands&) = delete;
  StepHands& operator=(const StepHands&) = delete;
  StepHands(StepHands&&) = delete;
  StepHands& operator=(StepHands&&) = delete;
  virtual ~StepHands() = default;

  // Keeps everybody else from opening these IOMMU groups, or a device of them,
  // until a step that hands the device over.  None: ends that.  Error code EBUSY:
  // one is open.
  virtual Status guard(const std::vector<std::int64_t>& groups) = 0;
  virtual Result<StepLook> look(const PlanStep& step) = 0;
  // Does it and waits for its end.  Error code ETIMEDOUT: it was begun and has
  // not come to its end; it may still.
  virtual Status act(const PlanStep& step) = 0;
  // Opens the VFIO group of a device as its next user will, and closes it.
  virtual Status try_open(const std::string& pci_address) = 0;
};

// Where the records of a run go.  append() returns when the record is on disk.
class JournalWriter {
 public:
  JournalWriter() = default;
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  JournalWriter(JournalWriter&&) = delete;
  JournalWriter& operator=(JournalWriter&&) = delete;
  virtual ~JournalWriter() = default;

  virtual Status append(const JournalRecord& record) = 0;
};

// Who runs a plan, and what a run needs besides hands and journal.
struct RunContext {
  std::string run;   // its name in the journal
  std::string user;  // who asked for it
  std::string boot_id;
  std::function<std::uint64_t()> now_ns;  // CLOCK_REALTIME
  std::function<bool()> interrupted;      // ends the run before its next step
  // A step begins (its result is empty) and has ended.
  std::function<void(const PlanStep&, const JournalStep&)> progress;
};

// Carries out the steps of a plan, each between two records of the journal, up
// to the first that fails.  Whether the plan may be carried out is not asked
// here.  An error means that the journal could not be written and nothing was
// done.  Of the result, `outcome` is empty when all steps are done: what they
// led to is not known yet; else kRunNotReleased or kRunStopped, and `detail`
// says why.
Result<JournalRun> run_steps(const Plan& plan, const RunContext& context, StepHands& hands,
                             JournalWriter& journal);

// Ends the run, in the journal too.
Status end_run(JournalRun& run, std::string_view outcome, std::string_view detail,
               const RunContext& context, JournalWriter& journal);

// Something was, or may have been, changed by this run.  A step that blocks may
// still come to its end.
bool changed_something(const JournalRun& run);

}  // namespace vmleak
