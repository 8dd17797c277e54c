// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/finding.h"

namespace vmleak {

inline constexpr std::string_view kAuditSchema = "vmleak.audit/1";

// One document.
std::string audit_json(const AuditReport& report);

// One line per finding ("type": "finding"), then one line with all the rest of
// the document ("type": "summary").
std::string audit_ndjson(const AuditReport& report);

}  // namespace vmleak
