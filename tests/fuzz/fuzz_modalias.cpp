// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/modalias.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  static ModuleAliases aliases;
  for (const auto& module : aliases.modules(std::string(input))) {
    require(!module.empty() && module.find('/') == std::string::npos, "a module has a name");
  }
}

}  // namespace vmleak::fuzz
