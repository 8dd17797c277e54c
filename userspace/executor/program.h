// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace vmleak {

// Runs a program by its absolute path, without a shell, without standard input
// and with a minimal environment, and waits for its end.  Error: it could not be
// run, or did not exit with 0; then with the end of what it printed.
Status run_program(const std::vector<std::string>& argv);

}  // namespace vmleak
