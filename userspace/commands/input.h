// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "commands/environment.h"
#include "model/finding.h"

namespace vmleak {

// Where the snapshot comes from: this host, or a file.
struct SourceOptions {
  std::string from;  // a file, "-" for standard input; empty: this host
  std::chrono::milliseconds settle{std::chrono::seconds(10)};
  bool no_wait = false;
  bool addresses = false;
  std::vector<std::string> without;
  std::string connect = "qemu:///system";  // libvirt connection
  bool host_uses = false;                  // see CollectOptions; `target` may be a PCI function
};

struct Judged {
  Snapshot snapshot;
  AuditReport report;
};

// Takes or reads the snapshot.  `target` may be the path of a file to follow.
Result<Snapshot> load_snapshot(const SourceOptions& options, const std::string& target,
                               const Environment& environment);

// The same, audited.
Result<Judged> load_and_audit(const SourceOptions& options, const std::string& target,
                              const Environment& environment);

// The nodes TARGET means, also when it is the path of a file relative to the
// working directory.
Result<std::vector<NodeId>> find_target(const Judged& judged, const std::string& target);

}  // namespace vmleak
