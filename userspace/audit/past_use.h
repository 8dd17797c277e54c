// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// Who used a PCI function in this boot, as the records of VMs tell it.
struct PastUse {
  const PastRun* last = nullptr;        // nullptr: nobody that is known
  bool managed = false;                 // the last one's device was taken from its driver
  std::vector<const PastRun*> earlier;  // last runs of other VMs, the latest first
  [[nodiscard]] explicit operator bool() const { return last != nullptr; }
};

PastUse past_use(const AuditContext& context, std::string_view pci_address);

// The VM of this run no longer runs: its record has an end, or neither its
// process nor an active domain of its identity is there.
bool is_over(const AuditContext& context, const PastRun& run);

// The last use of a function, if it is over and the function is not where it is
// on purpose.  Whether somebody uses it now is not asked.
PastUse finished_use(const AuditContext& context, const PciFunction& function);

// What shows that a native driver had the device before that use took it.
std::optional<Evidence> taken_from_driver(const PciFunction& function, const PastUse& use);

// An active domain has this function, or VFIO says that somebody uses it now.
bool is_used_now(const AuditContext& context, const Sample& sample, std::string_view pci_address);

// The VFIO device of this function; kNoNode when it has none.
NodeIndex vfio_device_of(const Graph& graph, std::string_view pci_address);

Owner owner_from(const AuditContext& context, const PastRun& run);

// The VM behind an owner that is known by process or address space only, or not
// at all: of the run with its PID, else of the last run that used one of these
// PCI functions, if it is over.  Adds where that is written.
std::optional<Owner> named_by_records(const AuditContext& context, std::optional<Owner> owner,
                                      const std::vector<std::string>& pci_addresses,
                                      std::vector<Evidence>& evidence);

// "gpu-07 (5b1e0c2a) used it from 2026-01-01T00:12:03Z to 2026-01-01T01:12:38Z:
// shutting down, reason=destroyed", with where that is written.
Evidence evidence_of(const PastRun& run);

// Lines that say who else used the function, and that the last one counts.
std::vector<Evidence> evidence_of_others(const PastUse& use);

}  // namespace vmleak
