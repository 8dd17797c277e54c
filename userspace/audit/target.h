// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/finding.h"
#include "model/snapshot.h"

namespace vmleak {

// The nodes of the last sample that TARGET means.  TARGET is a finding's id, a
// domain's name or UUID, a PID, a PCI address (also without its PCI domain:
// "8a:00.0"), "/dev/vfio/N", a VM as debugfs names it ("PID-FD"), a NodeId, or
// the path of a disk image.  Error when nothing on this host is called that,
// saying what was searched.
Result<std::vector<NodeId>> resolve_target(const Snapshot& snapshot, const AuditReport& report,
                                           std::string_view target);

// Only the findings (and the verdict they lead to) about these nodes.
AuditReport restrict_to(AuditReport report, const Snapshot& snapshot,
                        const std::vector<NodeId>& targets);

}  // namespace vmleak
