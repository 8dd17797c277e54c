// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executor/sysfs.h"
#include "host/host_root.h"
#include "remedy/executor.h"

namespace vmleak {

// What the steps of each kind look at and do.  All of it may hang: for helper
// processes.
StepLook look_at_step(const HostRoot& root, const Sysfs& sysfs, const PlanStep& step);
Status do_step(const HostRoot& root, const Sysfs& sysfs, const PlanStep& step);

// A step that lets somebody else have the device.
bool hands_over(StepKind kind);

}  // namespace vmleak
