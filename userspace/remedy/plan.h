// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/finding.h"
#include "model/snapshot.h"
#include "remedy/journal.h"
#include "remedy/step.h"
#include "remedy/target.h"

namespace vmleak {

enum class Risk { kLow, kMedium, kHigh };

std::string_view to_string(Risk risk);
std::optional<Risk> risk_from(std::string_view name);

struct Precondition {
  std::string name;  // "device-files"
  std::string text;  // "no file of the device is open"
  bool met = false;
  std::string why;  // it is not met; else empty
};

// What would be done about a target: a pure function of a snapshot.
struct Plan {
  // The same as long as boot, target, steps and all facts they rest on are.
  std::string id;
  std::string target;   // as it was asked for
  std::string action;   // empty: nothing can be done
  std::string summary;  // the situation, in a sentence
  Risk risk = Risk::kMedium;
  std::vector<std::string> devices;  // PCI addresses, all that are touched
  std::vector<PlanStep> steps;
  std::vector<Precondition> preconditions;
  std::vector<ExpectedFunction> expected;
  std::vector<NodeId> nodes;  // of the books: what is to be free afterwards
  // IOMMU groups that are not open, and that nobody may open meanwhile.
  std::vector<std::int64_t> guarded_groups;
  std::vector<std::string> verification;  // what is looked at afterwards
  std::string undo;
  std::vector<std::string> blocked_by;  // empty: ready
  std::vector<std::string> next;        // commands that lead on, the first one first
  std::string finishes;                 // run of the journal; empty unless the action is "finish"

  [[nodiscard]] bool ready() const { return !action.empty() && blocked_by.empty(); }
};

struct PlanOptions {
  std::string action;  // its name accepts its risk; empty: the least harmful one that cures
  Risk max_risk = Risk::kMedium;
  std::string plan_id;  // of a plan that was seen and accepted; empty: none
  // Runs of this boot that did not come to their end.
  std::vector<UnfinishedRun> unfinished;
  std::string nvidia_smi;  // its path; empty when not installed
  // This process and those it descends from: never ended.
  std::set<std::int64_t> own_processes;
};

// The names that PlanOptions::action may have.
std::vector<std::string> action_names();

// Never an error: a plan that can't be carried out says why and what to do.
Plan plan_release(const Snapshot& snapshot, const AuditReport& report, const ReleaseTarget& target,
                  const PlanOptions& options);

}  // namespace vmleak
