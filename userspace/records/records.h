// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

struct Records {
  std::vector<PastRun> runs;
  std::vector<Domain> domains;              // of Proxmox VE, which has no daemon to ask
  std::map<std::string, std::string> pods;  // Kubernetes: "default/web-1" by UID
  std::vector<std::string> sources;         // kinds of records that this host has
  std::vector<Loss> losses;
};

// The runs of VMs in this boot (that were not over before `since_ns`, of
// CLOCK_REALTIME), from the sources in model/record_source.h; logs also where
// they are rotated and gzip'ed.  Of a long log the last 4 MiB are read, of all
// logs the newest 64 MiB.  May wait for a file system: call it in a helper
// process.
Records read_records(const HostRoot& root, std::uint64_t since_ns);

}  // namespace vmleak
