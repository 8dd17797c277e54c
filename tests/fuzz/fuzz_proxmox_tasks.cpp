// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/proxmox.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto tasks = parse_proxmox_tasks(input);
  for (const auto& task : tasks) {
    require(task.type.starts_with("qm") && task.started_ns != 0, "a task is of a VM, and began");
    require(task.ended_ns != 0 || (!task.failed() && task.status.empty()),
            "only a task that ended has a status");
  }
  ProxmoxState state;
  state.config = parse_proxmox_config("name: a", 100);
  const auto runs = proxmox_runs(tasks, {{100, state}});
  require(runs.size() <= tasks.size(), "a run takes a task");
  for (const auto& run : runs) {
    require(!run.name.empty() && run.started_ns != 0, "a run has a name and a start");
    require((run.ended_ns == 0) == run.end_reason.empty(), "an end has a reason");
  }
}

}  // namespace vmleak::fuzz
