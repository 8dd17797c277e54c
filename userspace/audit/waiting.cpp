// SPDX-License-Identifier: Apache-2.0
#include "audit/waiting.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/wording.h"

namespace vmleak {
namespace {

bool has_frame(const WaitingTask& task, std::string_view function) {
  return std::any_of(task.stack.begin(), task.stack.end(), [function](const std::string& frame) {
    return frame == function || frame.starts_with(std::string(function) + "+") ||
           frame.starts_with(std::string(function) + ".");
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

}  // namespace

std::string describe(const WaitingTask& task) {
  auto text = fmt::format("{} {} (state {}) waits {}", task.comm, task.tid, task.state,
                          what_for(task.wait));
  if (!task.stack.empty()) text += ", in " + task.stack.front();
  if (task.since_ns != 0) text += ", since " + rfc3339(task.since_ns);
  return text;
}

bool blocks_all_pci(const WaitingTask& task) {
  return task.wait == KernelWait::kVfioUnregister &&
         (has_frame(task, "remove_store") ||
          has_frame(task, "pci_stop_and_remove_bus_device_locked") ||
          has_frame(task, "sriov_numvfs_store") || has_frame(task, "pciehp_disable_slot"));
}

std::vector<Evidence> evidence_of_removals(const Sample& sample,
                                           const std::vector<std::string>& pci_addresses) {
  std::vector<Evidence> out;
  bool rescan_blocked = false;
  for (const auto& task : sample.book().waiting_tasks) {
    if (task.wait != KernelWait::kVfioUnregister) continue;
    if (std::find(pci_addresses.begin(), pci_addresses.end(), task.device) == pci_addresses.end()) {
      continue;
    }
    out.push_back({"blocked removal", describe(task)});
    if (!blocks_all_pci(task)) continue;
    rescan_blocked = true;
    out.push_back({"blocked removal", fmt::format("{} {} holds the PCI rescan lock: every other "
                                                  "removal and rescan on this host waits",
                                                  task.comm, task.tid)});
  }
  if (!rescan_blocked) return out;
  for (const auto& task : sample.book().waiting_tasks) {
    if (task.wait == KernelWait::kPciRescanLock) out.push_back({"blocked removal", describe(task)});
  }
  return out;
}

}  // namespace vmleak
