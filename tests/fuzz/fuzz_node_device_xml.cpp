// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "libvirt/node_device_xml.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto device = parse_mediated_device_xml(input);
  if (!device) {
    require(!device.error().message.empty(), "an error says what is wrong");
    return;
  }
  require(!device->uuid.empty(), "a mediated device has a UUID");
  require(device->parent_address.empty() || is_canonical(device->parent_address),
          "PCI addresses are canonical");
}

}  // namespace vmleak::fuzz
