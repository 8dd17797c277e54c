// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// The VMs that are fine, and those on their way out, by the report's findings;
// only these when `among` is given.
void count_vms(AuditReport& report, const Sample& sample, const std::set<NodeId>* among);

}  // namespace vmleak
