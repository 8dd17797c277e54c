// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/finding.h"
#include "model/snapshot.h"

namespace vmleak {

// A holder and who holds that, to the process or kernel thread at the end.
struct HolderTree {
  ChainLink link;
  std::int64_t references = 1;
  std::vector<CounterBalance> counters;  // of this node
  std::vector<HolderTree> holders;
};

// Everything about one object, leak or not.
struct Explanation {
  ObjectRef object;
  Verdict verdict = Verdict::kClean;  // clean: in use or idle as it should be
  std::string state;                  // one line: "in use by qemu-system-x86 4711 (gpu-07)"
  std::optional<Owner> owner;
  std::vector<std::pair<std::string, std::string>> properties;  // "driver" -> "vfio-pci", ...
  std::vector<CounterBalance> counters;
  std::vector<HolderTree> holders;
  std::vector<Origin> origins;             // all that the ledger has of it
  std::vector<Evidence> evidence;          // what the ledger saw happen, or can't be trusted with
  std::vector<ClosingTask> closing_tasks;  // those that may keep it
  std::vector<std::string> finding_ids;    // findings this object is part of
};

// One explanation per node, in the order given.
std::vector<Explanation> explain(const Snapshot& snapshot, const AuditReport& report,
                                 const std::vector<NodeId>& targets);

}  // namespace vmleak
