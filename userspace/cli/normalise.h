// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmleak {

inline constexpr std::string_view kWaitForever = "forever";

// The commands' names.
const std::vector<std::string_view>& command_names();

// The first argument that is a command's name, or empty.
std::string command_in(const std::vector<std::string>& arguments);

// Writes short forms out: "vmleak TARGET" as "explain TARGET", "help audit" as
// "audit --help", "--wait" as "--wait=forever" (its value is optional and must
// not swallow TARGET).
std::vector<std::string> normalise(std::vector<std::string> arguments);

}  // namespace vmleak
