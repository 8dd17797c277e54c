// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/host_probes.h"
#include "host/host_root.h"
#include "model/pci.h"

namespace vmleak {

class HostTables;

// What the host uses PCI functions for, from /proc and /sys.  What all functions
// are compared with (mounts, routes, open device nodes) is read once, when it is
// first needed.  May hang where a driver does.
class HostUses {
 public:
  HostUses(const HostRoot& root, HostProbes probes);
  HostUses(const HostUses&) = delete;
  HostUses& operator=(const HostUses&) = delete;
  HostUses(HostUses&&) = delete;
  HostUses& operator=(HostUses&&) = delete;
  ~HostUses();

  // Its uses, without those by a VM.  What could not be read is a use of kind
  // kUnknown that says what and why: none means that the host does not need it.
  [[nodiscard]] std::vector<HostUse> of(const std::string& address) const;

  // Fills in PciFunction::host_uses and host_uses_known.
  void add_to(std::vector<PciFunction>& functions) const;

 private:
  std::unique_ptr<HostTables> tables_;
};

}  // namespace vmleak
