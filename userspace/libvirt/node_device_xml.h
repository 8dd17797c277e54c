// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace vmleak {

// A mediated device as libvirt's node devices have it.
struct MediatedDevice {
  std::string uuid;
  std::string parent_address;  // PCI; empty when its parent is no PCI function
  std::string driver;          // empty when it has none
};

// virNodeDeviceGetXMLDesc(), libvirt's formatnode.  Error when it is no XML, or
// not that of a mediated device.
Result<MediatedDevice> parse_mediated_device_xml(std::string_view xml);

}  // namespace vmleak
