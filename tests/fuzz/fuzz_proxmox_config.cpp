// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/proxmox_config.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto vm = parse_proxmox_config(input, 100);
  require_devices(vm.domain.host_devices);
  for (const auto& slot : vm.slots) require(is_canonical(slot + ".0"), "slots are canonical");
  for (const auto& disk : vm.domain.disks) require(disk.starts_with('/'), "disks are paths");
  require(vm.domain.name.size() + vm.domain.uuid.size() <= input.size(),
          "names are no longer than the input");
  for (const auto& mapping : parse_proxmox_mappings(input)) {
    require(!mapping.name.empty() && !mapping.paths.empty(), "a mapping has a name and a path");
    for (const auto& path : mapping.paths) {
      require(is_canonical(path) || is_canonical(path + ".0"), "paths are canonical");
    }
  }
}

}  // namespace vmleak::fuzz
