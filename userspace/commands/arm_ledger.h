// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/arm_report.h"

namespace vmleak {

inline constexpr std::uint32_t kLeastCapacity = 8;
inline constexpr std::uint32_t kMostCapacity = 4 << 20;

struct ArmOptions {
  std::optional<std::uint32_t> capacity;  // entries; Ledger's own default without it
  std::vector<std::string> without;       // of ledger_capability_names()
  bool files = false;
  bool replace = false;
  std::function<bool()> interrupted;
};

// The names that ArmOptions::without may have.
std::vector<std::string> ledger_capability_names();

// Arms, or extends what is armed.  Attaching may hang in the kernel, so a
// helper process does it, which is abandoned past its deadline.
Result<ArmOutcome> arm_ledger(const ArmOptions& options);

// What is armed; nothing when nothing is.
Result<std::optional<LedgerStatus>> ledger_status();

// Returns what was removed.
Result<std::vector<std::string>> disarm_host(const std::function<bool()>& interrupted);

}  // namespace vmleak
