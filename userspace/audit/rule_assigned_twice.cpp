// SPDX-License-Identifier: Apache-2.0
// Two domains that run or start with the host and name the same device: one of
// them will not start.  Definitions that wait for somebody to start one of them
// share a device on purpose.
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>

#include "audit/past_use.h"
#include "audit/rules.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

Finding make_finding(const AuditContext& context, const std::string& address,
                     const std::vector<const Domain*>& domains) {
  const auto& graph = context.now().graph;
  const auto node = vfio_device_of(graph, address);
  Finding out;
  out.verdict = Verdict::kStale;
  out.object =
      node == kNoNode ? ObjectRef{"pci_device", address, address} : object_ref(graph.node(node));
  out.impact.devices = {address};
  std::string names;
  for (const auto* domain : domains) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", domain->name);
    out.evidence.push_back(
        {domain->source, fmt::format("{} ({}) defines it: {}{}", domain->name, domain->uuid,
                                     domain->state, domain->autostart ? ", autostart" : "")});
  }
  out.impact.text = "only one of these domains can start: " + names;
  out.remedies.push_back(
      {"take the device or autostart from all but one of them: virsh edit, "
       "virsh autostart --disable",
       "low",
       false,
       {},
       ""});
  out.summary = fmt::format("{} is defined in {} domains that run or start with the host: {}",
                            address, domains.size(), names);
  return out;
}

}  // namespace

std::vector<Finding> find_devices_assigned_twice(const AuditContext& context,
                                                 std::span<const Finding> /*others*/) {
  std::map<std::string, std::vector<const Domain*>> by_device;
  for (const auto& domain : context.snapshot.management.domains) {
    if (!domain.active && !domain.autostart) continue;
    std::set<std::string> seen;
    for (const auto& device : domain.host_devices) {
      if (!device.pci_address.empty() && seen.insert(device.pci_address).second) {
        by_device[device.pci_address].push_back(&domain);
      }
    }
  }
  std::vector<Finding> findings;
  for (const auto& [address, domains] : by_device) {
    if (domains.size() > 1) findings.push_back(make_finding(context, address, domains));
  }
  return findings;
}

}  // namespace vmleak
