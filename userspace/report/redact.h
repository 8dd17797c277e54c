// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/snapshot.h"

namespace vmleak {

// The same snapshot without what tells whose it is: names and UUIDs of VMs,
// programs and their command lines, host names, paths, cgroups, units and pods
// become pseudonyms.  Numbers, kinds, PCI addresses, names of kernel
// functions, kernel threads, modules and device drivers, and the boot id (a
// random number, part of every finding's id) stay, so the verdicts do too.
Snapshot redact(Snapshot snapshot);

}  // namespace vmleak
