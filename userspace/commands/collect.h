// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"

namespace vmleak {

class Ledger;

// The name in CollectOptions::without that ignores an armed ledger.
inline constexpr std::string_view kLedgerCapability = "ledger";

struct CollectOptions {
  bool addresses = false;            // keep raw kernel addresses
  std::vector<std::string> without;  // capabilities switched off: "bpf", "iterator", "vm_list", ...
  std::vector<std::string> paths;    // files to follow like disk images, whoever has them open
  // Also read what the host uses PCI functions for; `functions` are looked at
  // even if no VM has to do with them.
  bool host_uses = false;
  std::set<std::string> functions;         // addresses
  std::string connect = "qemu:///system";  // libvirt connection to ask
  std::chrono::nanoseconds settle{std::chrono::seconds(10)};
  bool wait = true;  // take further samples while there are suspects
  std::chrono::milliseconds deadline{std::chrono::seconds(60)};  // of one walk
  // Attached by the command, which keeps it while it collects; otherwise an
  // armed one is read when there is one.
  Ledger* ledger = nullptr;
  // Polled while waiting; true ends the collection with an "interrupted" error.
  std::function<bool()> interrupted;
};

// The names that CollectOptions::without may have.
std::vector<std::string> capability_names();

// Reads the books of this host: one walk, and, when `has_suspects` says so of
// the snapshot so far, two more spread over `settle`.  Everything that can hang runs in helper
// processes that are abandoned at the deadline; what they did not answer is a
// loss in the snapshot.  Errors are those that leave nothing to audit (not
// root, not the initial PID namespace, interrupted).
Result<Snapshot> collect_snapshot(const CollectOptions& options,
                                  const std::function<bool(const Snapshot&)>& has_suspects);

// Tries every capability, attaches nothing that stays.
Result<Coverage> probe_coverage(const CollectOptions& options);

}  // namespace vmleak
