// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "host/host_root.h"
#include "host/pci.h"
#include "model/snapshot.h"

namespace vmleak {

// Adds to a book what only /proc and /sys know: command lines, cgroups and the
// VMs they name, which devices tasks wait for, PCI names, paths of disk images,
// reference counts of modules.
// What does not answer within `deadline` becomes a loss.
void add_host_facts(const HostRoot& root, std::chrono::milliseconds deadline,
                    const std::function<bool()>& interrupted, PciNames& pci_names, Book& book);

}  // namespace vmleak
