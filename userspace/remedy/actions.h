// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "remedy/subject.h"

namespace vmleak {

enum class ActionKind {
  kFinish,
  kClearOverride,
  kCloseHolder,
  kRebind,
  kReset,
  kVendorReset,
  kRemoveRescan,
};

struct Action {
  ActionKind kind;
  std::string_view name;
  std::string_view does;
  // Ends processes or disturbs a device that works: never chosen by itself.
  bool only_when_named;
  std::string_view undo;
};

// The least harmful first.
std::span<const Action> actions();
// nullptr when there is no such action.
const Action* find_action(std::string_view name);
// The one that cures a situation with the least harm; nullptr: none does.
const Action* cure_for(Situation situation);

// What a situation means for a person, as a clause.
std::string situation_text(const Subject& subject);

// Fills in devices, steps, expected, verification and risk.
void add_steps(const Subject& subject, const Action& action, Plan& plan);

// Why the action can't be carried out or must not be: one row per condition,
// those that apply to the action only.
std::vector<Precondition> preconditions_of(const Subject& subject, const Action& action);

}  // namespace vmleak
