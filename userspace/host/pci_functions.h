// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/host_root.h"
#include "host/pci.h"
#include "model/pci.h"

namespace vmleak {

// The PCI functions that VMs have to do with: on a vfio driver or pci-stub, with
// a driver override, in `named`, and those that share a slot, an IOMMU group or
// a physical function with one of these; by address.  From /sys/bus/pci, the
// host's configuration and the kernel's log.  `boot_time_ns` (CLOCK_REALTIME)
// turns the log's times into times of day.  None on a host without PCI.
// Of a function in `locked` the driver override is not read: its device's lock
// is held, and whoever reads it waits for that.
Result<std::vector<PciFunction>> read_pci_functions(const HostRoot& root,
                                                    const std::set<std::string>& named,
                                                    std::uint64_t boot_time_ns, PciNames& names,
                                                    const std::set<std::string>& locked = {});

}  // namespace vmleak
