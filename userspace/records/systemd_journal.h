// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "host/host_root.h"
#include "records/machine_journal.h"

namespace vmleak {

// What systemd-machined wrote into systemd's journal in this boot, the newest
// 20,000 messages.  libsystemd is loaded for it.  Error code ENOENT without
// libsystemd or a journal.
Result<std::vector<MachineMessage>> read_machine_messages(const HostRoot& root);

}  // namespace vmleak
