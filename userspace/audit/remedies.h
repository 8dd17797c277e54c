// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// What a person can do about a cause, the least harmful first.
std::vector<Remedy> advise(const Sample& sample, const Cause& cause, Verdict verdict);

// The commands that show, and carry out, what vmleak can do about a finding of
// which the owner is gone.  Its id is known by then.
void add_release_commands(Finding& finding);

// About references to a kernel module or an IOMMU group that nobody is seen
// to hold.
Remedy advise_reboot(std::string_view what);

}  // namespace vmleak
