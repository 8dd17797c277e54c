// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/explain.h"
#include "model/finding.h"
#include "report/text.h"

namespace vmleak {

inline constexpr std::string_view kExplainSchema = "vmleak.explain/1";

// Each object on its own: who owns it, the equation of each counter, every
// holder down to the process that can act.  `report` is the audit of the same
// snapshot.
std::string explain_text(const std::vector<Explanation>& explanations, const AuditReport& report,
                         const TextStyle& style);

std::string explain_json(const std::vector<Explanation>& explanations, const AuditReport& report);

}  // namespace vmleak
