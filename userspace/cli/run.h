// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "commands/environment.h"

namespace vmleak {

// Does what the arguments (without the program's name) ask for and returns the
// exit code; kExitSignal when it stopped because of a signal.  `set_verbose`
// is called before anything is done, if so asked.
int run(const std::vector<std::string>& arguments, const Environment& environment,
        const std::function<void()>& set_verbose);

}  // namespace vmleak
