// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "remedy/plan.h"
#include "report/text.h"

namespace vmleak {

// What would be done, what it needs, and the command that does it.
std::string plan_text(const Plan& plan, const TextStyle& style);

// A "vmleak.release/1" document.
std::string plan_json(const Plan& plan);

}  // namespace vmleak
