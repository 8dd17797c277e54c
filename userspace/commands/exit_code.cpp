// SPDX-License-Identifier: Apache-2.0
#include "commands/exit_code.h"

namespace vmleak {

FailOn every_failure() {
  return {Verdict::kLeaked, Verdict::kHeld, Verdict::kStale, Verdict::kInconclusive};
}

ExitCode exit_code(const std::vector<Verdict>& verdicts, const FailOn& fail_on) {
  auto code = kExitClean;
  for (const auto verdict : verdicts) {
    if (!fail_on.contains(verdict)) continue;
    if (verdict == Verdict::kInconclusive) {
      code = kExitInconclusive;
    } else if (verdict != Verdict::kClean && verdict != Verdict::kReleasing) {
      return kExitFound;
    }
  }
  return code;
}

}  // namespace vmleak
