// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/domain.h"

namespace vmleak {

// One message of systemd-machined (machinectl(1)): a machine was registered or
// is gone.
struct MachineMessage {
  bool started = false;
  std::string machine;      // "qemu-1-gpu-07", as libvirt calls it
  std::int64_t leader = 0;  // PID of the VMM
  std::uint64_t time_ns = 0;
};

// The runs of VMs that they tell of; those of containers are left out.
std::vector<PastRun> machine_runs(std::vector<MachineMessage> messages);

// A domain's name as libvirt makes it fit for a machine: without what is neither
// letter, digit, "-" nor ".", one of several "-" and "." (virSystemdMakeMachineName()).
std::string machine_form(std::string_view domain);

// Runs of machined get the name and UUID that other records have for the same
// process, or else for the only VM whose name has that form; where several
// have, `where` says so.
void name_machines(std::vector<PastRun>& runs);

}  // namespace vmleak
