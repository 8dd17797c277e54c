// SPDX-License-Identifier: Apache-2.0
#include "commands/removals.h"

#include <set>
#include <string>

namespace vmleak {

void end_registrations(Book& book) {
  std::set<std::string> addresses;
  for (const auto& task : book.waiting_tasks) {
    if (task.wait == KernelWait::kVfioUnregister) addresses.insert(task.device);
  }
  if (addresses.empty()) return;
  const bool unknown = addresses.erase("") != 0;
  std::set<NodeId> unregistered;
  for (auto& node : book.nodes) {
    auto* device = std::get_if<VfioDeviceFacts>(&node.facts);
    if (device == nullptr || !addresses.contains(device->pci_address)) continue;
    unregistered.insert(node.id);
    device->registered = false;
  }
  const auto is_registration = [](const Reference& reference) {
    return reference.cls == "vfio-device/registered";
  };
  std::erase_if(book.references, [&](const Reference& reference) {
    return is_registration(reference) && unregistered.contains(reference.held);
  });
  for (auto& reference : book.references) {
    if (unknown && is_registration(reference)) reference.certain = false;
  }
}

}  // namespace vmleak
