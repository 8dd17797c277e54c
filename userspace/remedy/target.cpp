// SPDX-License-Identifier: Apache-2.0
#include "remedy/target.h"

#include <algorithm>
#include <set>

#include "audit/graph.h"
#include "audit/target.h"
#include "base/pci_address.h"

namespace vmleak {
namespace {

using Addresses = std::set<std::string>;

// The PCI functions that a node of the book is about.
void add_functions(const Graph& graph, NodeIndex index, Addresses& out) {
  const auto& node = graph.node(index);
  if (node.kind == NodeKind::kVfioDevice) {
    out.insert(facts_of<VfioDeviceFacts>(node).pci_address);
  }
  for (const auto& member : facts_of<IommuGroupFacts>(node).members) {
    if (canonical_pci_address(member.address)) out.insert(member.address);
  }
  for (NodeIndex other = 0; other < graph.size(); ++other) {
    const auto& device = facts_of<VfioDeviceFacts>(graph.node(other));
    const auto& group = facts_of<VfioGroupFacts>(graph.node(other));
    if (!device.pci_address.empty() && device.group == node.id) out.insert(device.pci_address);
    if (!group.container.empty() && group.container == node.id) add_functions(graph, other, out);
  }
}

void add_host_devices(const std::vector<HostDevice>& devices, Addresses& out) {
  for (const auto& device : devices) {
    if (!device.pci_address.empty()) out.insert(device.pci_address);
  }
}

void add_managed(const Management& management, std::string_view text, Addresses& out) {
  for (const auto& domain : management.domains) {
    if (domain.name == text || domain.uuid == text) add_host_devices(domain.host_devices, out);
  }
  for (const auto& run : management.past_runs) {
    if (run.name == text || run.uuid == text) add_host_devices(run.host_devices, out);
  }
}

bool exists(const Snapshot& snapshot, const std::string& address) {
  return std::any_of(snapshot.pci_functions.begin(), snapshot.pci_functions.end(),
                     [&](const PciFunction& function) { return function.address == address; });
}

bool was_touched(const std::vector<UnfinishedRun>& unfinished, const std::string& address) {
  return std::any_of(unfinished.begin(), unfinished.end(), [&](const UnfinishedRun& run) {
    return std::find(run.devices.begin(), run.devices.end(), address) != run.devices.end();
  });
}

}  // namespace

Result<ReleaseTarget> resolve_release_target(const Snapshot& snapshot, const AuditReport& report,
                                             std::string_view text,
                                             const std::vector<UnfinishedRun>& unfinished) {
  ReleaseTarget out;
  out.text = text;
  Addresses addresses;
  auto nodes = resolve_target(snapshot, report, text);
  if (nodes) {
    const Graph graph(snapshot.samples.back());
    for (const auto& id : *nodes) add_functions(graph, graph.find(id), addresses);
    out.nodes = std::move(*nodes);
  }
  if (const auto address = canonical_pci_address(text)) {
    if (exists(snapshot, *address) || was_touched(unfinished, *address)) {
      addresses.insert(*address);
    }
  }
  for (const auto& finding : report.findings) {
    if (finding.id != text) continue;
    addresses.insert(finding.impact.devices.begin(), finding.impact.devices.end());
  }
  add_managed(snapshot.management, text, addresses);
  if (out.nodes.empty() && addresses.empty()) return nodes.error();
  out.addresses.assign(addresses.begin(), addresses.end());
  return out;
}

}  // namespace vmleak
