// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// Gives each finding an id that stays the same while it is the same leak: a
// hash of boot, rule and object.  6 digits; 8 where two would be the same.
void assign_ids(std::vector<Finding>& findings, const AuditContext& context);

}  // namespace vmleak
