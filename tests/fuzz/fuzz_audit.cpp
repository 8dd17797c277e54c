// SPDX-License-Identifier: Apache-2.0
#include "audit/audit.h"
#include "fuzz.h"
#include "model/snapshot_json.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto snapshot = snapshot_from_text(input);
  if (!snapshot) return;
  has_suspects(*snapshot);
  for (const auto& finding : audit(*snapshot).findings) {
    require(!finding.id.empty() && !finding.rule.empty() && !finding.summary.empty(),
            "a finding has an id, a rule and a summary");
  }
}

}  // namespace vmleak::fuzz
