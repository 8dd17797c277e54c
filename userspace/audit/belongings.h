// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

#include "audit/context.h"

namespace vmleak {

// These processes, the objects they keep, however indirectly, and those that
// the process with this PID made, also when it is gone.  PID 0: none.
std::set<NodeIndex> belongings(const Sample& sample, const std::set<NodeIndex>& processes,
                               std::int64_t pid);

}  // namespace vmleak
