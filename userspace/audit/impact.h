// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// What the objects of a cause not coming back costs.
Impact impact_of(const Sample& sample, const Cause& cause);

// The objects that are kept along with the primary one, and the disk images
// that its holders have open.
std::vector<Consequence> consequences_of(const Sample& sample, const Cause& cause);

}  // namespace vmleak
