// SPDX-License-Identifier: Apache-2.0
#include "audit/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "audit/belongings.h"
#include "audit/context.h"
#include "audit/verdict.h"
#include "audit/vm_count.h"

namespace vmleak {
namespace {

// ObjectRef::kind of a PCI function that has no VFIO device.
constexpr std::string_view kPciDevice = "pci_device";

// What a TARGET is looked up in.
struct Scope {
  const Snapshot& snapshot;
  const Sample& sample;
  const AuditReport& report;

  [[nodiscard]] const Graph& graph() const { return sample.graph; }
};

using Found = std::set<NodeIndex>;

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

template <class Wanted>
Found nodes_that(const Graph& graph, Wanted wanted) {
  Found out;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (wanted(graph.node(i))) out.insert(i);
  }
  return out;
}

void add(const Graph& graph, Found& out, const NodeId& id) {
  if (const auto node = graph.find(id); node != kNoNode) out.insert(node);
}

void add_object(const Graph& graph, Found& out, std::string_view kind, std::string_view id) {
  add(graph, out, fmt::format("{}:{}", kind, id));
}

// The node of a PCI function that has no VFIO device.
NodeId iommu_group_of(const Snapshot& snapshot, std::string_view address) {
  for (const auto& function : snapshot.pci_functions) {
    if (function.address == address) {
      return make_node_id(NodeKind::kIommuGroup, std::to_string(function.iommu_group));
    }
  }
  return {};
}

// The finding's object and what is kept along with it.
void add_finding(const Snapshot& snapshot, const Graph& graph, Found& out, const Finding& finding) {
  add_object(graph, out, finding.object.kind, finding.object.id);
  if (finding.object.kind == kPciDevice)
    add(graph, out, iommu_group_of(snapshot, finding.object.id));
  for (const auto& also : finding.consequences) add_object(graph, out, also.kind, also.id);
}

Found by_node_id(const Scope& scope, std::string_view target) {
  Found out;
  add(scope.graph(), out, NodeId(target));
  return out;
}

Found by_finding(const Scope& scope, std::string_view target) {
  Found out;
  for (const auto& finding : scope.report.findings) {
    if (finding.id != target) continue;
    add_object(scope.graph(), out, finding.object.kind, finding.object.id);
    if (finding.object.kind == kPciDevice) {
      add(scope.graph(), out, iommu_group_of(scope.snapshot, finding.object.id));
    }
  }
  return out;
}

// The group is shown as well: most often it is what keeps a device from use.
Found by_pci_address(const Scope& scope, std::string_view target) {
  const auto full = "0000:" + std::string(target);
  const auto is_wanted = [&](std::string_view address) {
    return !address.empty() && (address == target || address == full);
  };
  Found out;
  const auto& graph = scope.graph();
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    const auto& device = facts_of<VfioDeviceFacts>(node);
    if (node.kind == NodeKind::kVfioDevice && is_wanted(device.pci_address)) {
      out.insert(i);
      add(graph, out, device.group);
    }
    const auto& members = facts_of<IommuGroupFacts>(node).members;
    if (std::any_of(members.begin(), members.end(),
                    [&](const auto& member) { return is_wanted(member.address); })) {
      out.insert(i);
    }
  }
  return out;
}

Found by_vfio_node(const Scope& scope, std::string_view target) {
  constexpr std::string_view kPrefix = "/dev/vfio/";
  if (!target.starts_with(kPrefix)) return {};
  const auto number = number_from(target.substr(kPrefix.size()));
  if (!number) return {};
  auto out = nodes_that(scope.graph(), [&](const Node& node) {
    return node.kind == NodeKind::kVfioGroup && facts_of<VfioGroupFacts>(node).number == *number;
  });
  if (!out.empty()) return out;
  return nodes_that(scope.graph(), [&](const Node& node) {
    return node.kind == NodeKind::kIommuGroup && facts_of<IommuGroupFacts>(node).number == *number;
  });
}

// As debugfs, the kernel's statistics or vmleak itself call it.
Found by_vm_name(const Scope& scope, std::string_view target) {
  return nodes_that(scope.graph(), [&](const Node& node) {
    const auto& facts = facts_of<KvmFacts>(node);
    return node.kind == NodeKind::kKvm &&
           (facts.debugfs_name == target || facts.stats_id == target || node.name == target);
  });
}

Found by_pid(const Scope& scope, std::string_view target) {
  const auto pid = number_from(target);
  if (!pid || *pid == 0) return {};
  const auto wanted = nodes_that(scope.graph(), [&](const Node& node) {
    return (node.kind == NodeKind::kProcess || node.kind == NodeKind::kKernelThread) &&
           facts_of<ProcessFacts>(node).pid == *pid;
  });
  return belongings(scope.sample, wanted, *pid);
}

Found by_domain(const Scope& scope, std::string_view target) {
  Found out;
  const auto wanted = nodes_that(scope.graph(), [&](const Node& node) {
    const auto& vm = facts_of<ProcessFacts>(node).vm;
    return node.kind == NodeKind::kProcess && (vm.name == target || vm.uuid == target);
  });
  for (const auto process : wanted) {
    const auto pid = facts_of<ProcessFacts>(scope.graph().node(process)).pid;
    out.merge(belongings(scope.sample, {process}, pid));
  }
  for (const auto& finding : scope.report.findings) {
    if (finding.owner && (finding.owner->name == target || finding.owner->uuid == target)) {
      add_finding(scope.snapshot, scope.graph(), out, finding);
    }
  }
  return out;
}

Found by_path(const Scope& scope, std::string_view target) {
  auto out = nodes_that(scope.graph(), [&](const Node& node) {
    return node.kind == NodeKind::kFile && facts_of<FileFacts>(node).path == target;
  });
  if (!out.empty()) return out;
  return nodes_that(scope.graph(), [&](const Node& node) {
    return node.kind == NodeKind::kOpenFile && facts_of<OpenFileFacts>(node).path == target;
  });
}

Found by_module(const Scope& scope, std::string_view target) {
  Found out;
  add_object(scope.graph(), out, to_string(NodeKind::kModule), target);
  return out;
}

// The first that finds something decides.
constexpr std::array kResolvers = std::to_array<Found (*)(const Scope&, std::string_view)>({
    by_node_id,
    by_finding,
    by_pci_address,
    by_vfio_node,
    by_vm_name,
    by_pid,
    by_domain,
    by_path,
    by_module,
});

Error not_found(const Graph& graph, std::string_view target) {
  std::map<NodeKind, int> kinds;
  for (NodeIndex i = 0; i < graph.size(); ++i) ++kinds[graph.kind(i)];
  return {fmt::format(
      "find \"{}\": no finding, VM, process, PCI device, VFIO group, module or file "
      "is called that (searched {} VMs, {} processes, {} VFIO devices, {} IOMMU "
      "groups, {} open files)",
      target, kinds[NodeKind::kKvm], kinds[NodeKind::kProcess], kinds[NodeKind::kVfioDevice],
      kinds[NodeKind::kIommuGroup], kinds[NodeKind::kOpenFile])};
}

bool concerns(const Finding& finding, const Snapshot& snapshot, const std::set<NodeId>& targets) {
  const auto is_target = [&](std::string_view kind, std::string_view id) {
    return targets.contains(fmt::format("{}:{}", kind, id));
  };
  if (is_target(finding.object.kind, finding.object.id)) return true;
  if (finding.object.kind == kPciDevice &&
      targets.contains(iommu_group_of(snapshot, finding.object.id))) {
    return true;
  }
  if (std::any_of(finding.consequences.begin(), finding.consequences.end(),
                  [&](const auto& also) { return is_target(also.kind, also.id); })) {
    return true;
  }
  return std::any_of(finding.holders.begin(), finding.holders.end(), [&](const auto& holder) {
    return std::any_of(holder.chain.begin(), holder.chain.end(),
                       [&](const auto& link) { return is_target(link.kind, link.id); });
  });
}

}  // namespace

Result<std::vector<NodeId>> resolve_target(const Snapshot& snapshot, const AuditReport& report,
                                           std::string_view target) {
  if (snapshot.samples.empty()) return Error{"find a target: the snapshot has no samples"};
  if (target.empty()) return Error{"find a target: its name is empty"};
  const Sample sample(snapshot.samples.back());
  const Scope scope{snapshot, sample, report};
  for (const auto resolve : kResolvers) {
    const auto found = resolve(scope, target);
    if (found.empty()) continue;
    std::vector<NodeId> out;
    out.reserve(found.size());
    for (const auto node : found) out.push_back(sample.graph.node(node).id);
    return out;
  }
  return not_found(sample.graph, target);
}

AuditReport restrict_to(AuditReport report, const Snapshot& snapshot,
                        const std::vector<NodeId>& targets) {
  const std::set<NodeId> wanted(targets.begin(), targets.end());
  std::erase_if(report.findings, [&](const Finding& f) { return !concerns(f, snapshot, wanted); });
  report.verdict = overall_verdict(report.findings, report.losses, report.coverage.tier);
  if (!snapshot.samples.empty()) count_vms(report, Sample(snapshot.samples.back()), &wanted);
  return report;
}

}  // namespace vmleak
