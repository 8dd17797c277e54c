// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/pci.h"
#include "model/snapshot.h"

namespace vmleak {

// Who put the function on a vfio driver on purpose: configuration of the host,
// and domains that are defined with it and managed='no', which a manager only
// starts when the device is there already.  Empty: nobody that is known.
std::vector<Parking> parked_by(const Snapshot& snapshot, const PciFunction& function);

}  // namespace vmleak
