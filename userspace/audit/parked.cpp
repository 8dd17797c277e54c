// SPDX-License-Identifier: Apache-2.0
#include "audit/parked.h"

#include <fmt/format.h>

namespace vmleak {

std::vector<Parking> parked_by(const Snapshot& snapshot, const PciFunction& function) {
  auto parking = function.parking;
  for (const auto& domain : snapshot.management.domains) {
    if (!domain.persistent) continue;
    for (const auto& device : domain.host_devices) {
      if (device.pci_address != function.address || device.managed) continue;
      parking.push_back(
          {domain.source, fmt::format("domain {} is defined with it, managed='no'", domain.name)});
    }
  }
  return parking;
}

}  // namespace vmleak
