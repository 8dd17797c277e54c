// SPDX-License-Identifier: Apache-2.0
#include "support/lockdown.h"

#include <fstream>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

constexpr const char* kFile = "/sys/kernel/security/lockdown";

}  // namespace

std::string lockdown_mode() {
  // All modes in a line, the present one in brackets.
  std::string modes;
  std::getline(std::ifstream(kFile), modes);
  const auto begin = modes.find('[');
  const auto end = modes.find(']');
  if (begin == std::string::npos || end == std::string::npos) return "none";
  return modes.substr(begin + 1, end - begin - 1);
}

void raise_lockdown(const std::string& mode) {
  std::ofstream(kFile) << mode;
  if (lockdown_mode() != mode) fail("raise lockdown to {}: it is {}", mode, lockdown_mode());
}

}  // namespace vmleak::scenarios
