// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

struct Records {
  std::vector<PastRun> runs;
  std::vector<Loss> losses;
};

// The runs of VMs in this boot (that were not over before `since_ns`, of
// CLOCK_REALTIME), from the Linux audit log and libvirt's domain logs, rotated
// and gzip'ed ones too.  Of a long log the last 4 MiB are read, of all logs the
// newest 64 MiB.  May wait for a file system: call it in a helper process.
Records read_records(const HostRoot& root, std::uint64_t since_ns);

}  // namespace vmleak
