// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace vmleak::scenarios {

// Runs another program to its end, e.g. {"ip", "link", "set", "eth0", "up"}.
// Throws when it fails; what it prints goes to the test's output.
void run_command(const std::vector<std::string>& words);

}  // namespace vmleak::scenarios
