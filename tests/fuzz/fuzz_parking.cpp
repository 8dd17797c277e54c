// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/parking.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const PciIdentity gpu{"0000:8a:00.0", 0x10de, 0x20b0, 0x10de, 0x1450, 0x030200};
  const PciIdentity other{"0000:00:1f.0", 0x8086, 0x7a04, 0x8086, 0x7270, 0x060100};
  for (const auto& lists : {modprobe_ids(input), command_line_ids(input)}) {
    std::size_t size = 0;
    for (const auto& ids : lists) {
      size += ids.size();
      require(ids.find_first_of(" \t\n\r") == std::string::npos, "a list of ids is one word");
      const bool any = ids_match(ids, gpu) || ids_match(ids, other);
      require(!any || ids.find(':') != std::string::npos, "vendor and device are both there");
    }
    require(size <= input.size(), "lists are no longer than the input");
  }
  ids_match(input, gpu);
}

}  // namespace vmleak::fuzz
