// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/snapshot.h"
#include "report/text.h"

namespace vmleak {

inline constexpr std::string_view kArmSchema = "vmleak.arm/1";

// An armed ledger, for whoever asks for its state.
struct LedgerStatus {
  std::string armed_since;  // RFC 3339
  std::uint32_t version = 0;
  std::string vmleak;  // version of the program that armed it
  std::uint64_t capacity = 0;
  std::uint64_t entries = 0;       // all of the following together
  std::uint64_t preexisting = 0;   // were out when it was armed
  std::uint64_t forgotten = 0;     // the function that has to give them back did not
  std::uint64_t memory_bytes = 0;  // at most
  Tier tier = Tier::kSnapshot;
  std::vector<Family> families;
  std::vector<std::string> kept_modules;
  std::vector<Loss> losses;
  std::vector<std::string> warnings;
};

// What an "arm" has done.
struct ArmOutcome {
  enum class Action { kArmed, kReplaced, kExtended, kUnchanged };
  Action action = Action::kArmed;
  std::vector<std::string> added;  // families, when it was extended
  double seconds = 0;
};

std::string_view to_string(ArmOutcome::Action action);

// `outcome` of an "arm"; nothing for "arm --status".
std::string arm_text(const LedgerStatus& status, const std::optional<ArmOutcome>& outcome,
                     const TextStyle& style);
// `status` nothing: none is armed.
std::string arm_json(const std::optional<LedgerStatus>& status,
                     const std::optional<ArmOutcome>& outcome);

std::string disarm_text(const std::vector<std::string>& removed);
std::string disarm_json(const std::vector<std::string>& removed);

}  // namespace vmleak
