// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/node.h"

namespace vmleak {

// What is known about a node, as rows of name and value; unknown ones are left
// out.
std::vector<std::pair<std::string, std::string>> properties_of(const Node& node);

}  // namespace vmleak
