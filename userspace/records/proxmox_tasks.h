// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak {

// One task of Proxmox VE that has to do with a VM.
struct ProxmoxTask {
  std::string upid;
  std::string type;  // "qmstart", "qmdestroy", ...
  std::uint64_t vmid = 0;
  std::uint64_t started_ns = 0;
  std::uint64_t ended_ns = 0;  // 0: at work, or not recorded
  std::string status;          // "OK", "WARNINGS: 1", what went wrong; empty: at work

  [[nodiscard]] bool failed() const;
};

// The text of /var/log/pve/tasks/index ("UPID:node:pid:pstart:starttime:type:vmid:user:
// endtime status", numbers in hexadecimal) or .../active, which has a digit
// before the end time.  Other tasks are left out.
std::vector<ProxmoxTask> parse_proxmox_tasks(std::string_view text);

}  // namespace vmleak
