// SPDX-License-Identifier: Apache-2.0
#include "audit/waiting.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/past_use.h"
#include "audit/recorded.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

bool has_frame(const WaitingTask& task, std::string_view function) {
  return std::any_of(task.stack.begin(), task.stack.end(), [function](const std::string& frame) {
    return frame == function || frame.starts_with(std::string(function) + "+") ||
           frame.starts_with(std::string(function) + ".") ||
           frame.starts_with(std::string(function) + " [");
  });
}

std::string_view what_for(KernelWait wait) {
  switch (wait) {
    case KernelWait::kVfioUnregister:
      return "for the device's last file to be closed";
    case KernelWait::kPciRescanLock:
      return "for another removal or rescan to end";
    case KernelWait::kDeviceLock:
      return "for another bind, unbind or reset of the device to end";
    case KernelWait::kReset:
      return "for a reset of the device";
    case KernelWait::kDriver:
      return "in the device's driver";
  }
  return "";
}

// It has the lock that every removal and rescan of the host takes first.
bool holds_rescan_lock(const WaitingTask& task) {
  return task.wait != KernelWait::kPciRescanLock &&
         (has_frame(task, "remove_store") ||
          has_frame(task, "pci_stop_and_remove_bus_device_locked") ||
          has_frame(task, "sriov_numvfs_store") || has_frame(task, "pciehp_disable_slot"));
}

// The tasks that wait for a device's users, and those that wait for these;
// empty where nobody waits for its users.
std::vector<const WaitingTask*> tasks_at(const Sample& sample, std::string_view pci_address) {
  std::vector<const WaitingTask*> out;
  for (const auto wait : {KernelWait::kVfioUnregister, KernelWait::kDeviceLock}) {
    if (wait == KernelWait::kDeviceLock && out.empty()) break;
    for (const auto& task : sample.book().waiting_tasks) {
      if (task.wait == wait && task.device == pci_address) out.push_back(&task);
    }
  }
  return out;
}

}  // namespace

std::string describe(const WaitingTask& task) {
  auto text = fmt::format("{} {} (state {}) waits {}", task.comm, task.tid, task.state,
                          what_for(task.wait));
  if (!task.stack.empty()) text += ", in " + task.stack.front();
  if (task.since_ns != 0) text += ", since " + rfc3339(task.since_ns);
  return text;
}

bool blocks_all_pci(const Sample& sample, std::string_view pci_address) {
  const auto tasks = tasks_at(sample, pci_address);
  return std::any_of(tasks.begin(), tasks.end(),
                     [](const auto* task) { return holds_rescan_lock(*task); });
}

std::vector<Evidence> evidence_of_removals(const AuditContext& context,
                                           const std::vector<std::string>& pci_addresses) {
  const auto& sample = context.now();
  std::vector<Evidence> out;
  bool rescan_blocked = false;
  for (const auto& address : pci_addresses) {
    for (auto& line : recorded_removal(context, vfio_device_of(sample.graph, address))) {
      out.push_back(std::move(line));
    }
    for (const auto* task : tasks_at(sample, address)) {
      out.push_back({"blocked removal", describe(*task)});
      if (!holds_rescan_lock(*task)) continue;
      rescan_blocked = true;
      out.push_back({"blocked removal", fmt::format("{} {} holds the PCI rescan lock: every other "
                                                    "removal and rescan on this host waits",
                                                    task->comm, task->tid)});
    }
  }
  if (!rescan_blocked) return out;
  for (const auto& task : sample.book().waiting_tasks) {
    if (task.wait == KernelWait::kPciRescanLock) out.push_back({"blocked removal", describe(task)});
  }
  return out;
}

}  // namespace vmleak
