// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "remedy/plan.h"

namespace vmleak {

// Whether a plan that was carried out has led where it had to, by a snapshot
// taken afterwards: the devices are back by PCI address (their group may have
// another number) with their identity and driver, group viable, counters idle,
// and no finding about them or about what was to be free.  Each as a condition
// that is met or not.
std::vector<Precondition> verify_release(const Plan& plan, const Snapshot& after,
                                         const AuditReport& report);

// What a leak in the kernel keeps for good, also when the device is free again:
// a leaked file is still a reference on its module.
std::vector<Finding> findings_that_stay(const Plan& plan, const AuditReport& report);

// The findings of a report that are about what a plan is to give back.
std::vector<Finding> findings_about(const Plan& plan, const AuditReport& report);

}  // namespace vmleak
