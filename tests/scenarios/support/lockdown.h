// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vmleak::scenarios {

// "none", "integrity" or "confidentiality"; "none" where there is no such
// thing.
std::string lockdown_mode();

// There is no way back before the next boot.
void raise_lockdown(const std::string& mode);

}  // namespace vmleak::scenarios
