// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "model/finding.h"
#include "report/text.h"

namespace vmleak {

// The page a person reads: each finding, then one closing line.
std::string audit_text(const AuditReport& report, const TextStyle& style,
                       std::optional<std::chrono::milliseconds> took = std::nullopt);

// What could not be seen, if anything; shared with the other reports.
void append_losses(TextPage& page, const AuditReport& report);

}  // namespace vmleak
