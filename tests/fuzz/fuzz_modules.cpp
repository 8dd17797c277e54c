// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/kallsyms.h"
#include "host/modules.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  for (const auto& module : parse_modules(input)) {
    require(module.name.size() <= input.size(), "a name is no longer than the input");
    is_vm_module(module.name);
  }
  const auto functions = KernelFunctions::parse(input);
  require(!functions.describe(0xffffffff81000000).empty(), "an address has a text");
}

}  // namespace vmleak::fuzz
