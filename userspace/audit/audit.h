// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/finding.h"
#include "model/snapshot.h"

namespace vmleak {

struct AuditOptions {
  // Suspects were not waited for (--no-wait): what looks leaked is
  // inconclusive.
  bool no_wait = false;
};

// The verdict on everything in the snapshot.
AuditReport audit(const Snapshot& snapshot, const AuditOptions& options = {});

// True when the last sample shows something that only time can tell from a
// leak, so that further samples are worth waiting for.  False on a clean host.
bool has_suspects(const Snapshot& snapshot);

}  // namespace vmleak
