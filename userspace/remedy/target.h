// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/finding.h"
#include "model/snapshot.h"
#include "remedy/journal.h"

namespace vmleak {

// What a release is asked for.
struct ReleaseTarget {
  std::string text;
  std::vector<NodeId> nodes;           // of the last sample
  std::vector<std::string> addresses;  // PCI functions, sorted
};

// What `text` means: all that resolve_target() knows, a PCI function without a
// vfio driver, a domain or a past run by its host devices, and a device that an
// interrupted run has taken off the bus.
Result<ReleaseTarget> resolve_release_target(const Snapshot& snapshot, const AuditReport& report,
                                             std::string_view text,
                                             const std::vector<UnfinishedRun>& unfinished);

}  // namespace vmleak
