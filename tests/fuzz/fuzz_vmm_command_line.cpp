// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/vmm_command_line.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto vm = identify_vm(split_arguments(input));
  require(vm.name.size() <= input.size() && vm.uuid.size() <= input.size(),
          "names are no longer than the input");
  require(vm.source.empty() == (vm.name.empty() && vm.uuid.empty()), "what is known has a source");
  require(!vm.vmm.empty() || vm.source.empty(), "only a VMM's command line names a VM");
  const auto value = option_part(input, "guest", "guest");
  require(value.size() <= input.size(), "a value is no longer than the option");
}

}  // namespace vmleak::fuzz
