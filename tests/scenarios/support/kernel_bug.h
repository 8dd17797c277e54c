// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "support/audit.h"

namespace vmleak::scenarios {

// What `scripts/lab --bug` made of this kernel.
enum class Kernel {
  kOther,    // nothing that matters here
  kWithBug,  // the module has that bug
  kRebuilt,  // the module is rebuilt as it is: none:MODULE
};

// True when there is a module that is rebuilt at all.
bool is_rebuilt_kernel();
// True when at least one of its modules has a bug.
bool has_bugs();

// Throws when the module that is loaded is not a rebuilt one after all.
Kernel kernel_with(std::string_view bug, std::string_view module);

// Findings that were not there before.
std::vector<Finding> new_findings(const Audit& before, const Audit& after);

}  // namespace vmleak::scenarios
