// SPDX-License-Identifier: Apache-2.0
#include "audit/belongings.h"

#include <vector>

namespace vmleak {
namespace {

void add(const Graph& graph, std::set<NodeIndex>& out, const NodeId& id) {
  if (const auto node = graph.find(id); node != kNoNode) out.insert(node);
}

// The VFIO objects of these VMs and address spaces.
void add_vfio_of(const Graph& graph, std::set<NodeIndex>& out, const std::set<NodeId>& vms,
                 const std::set<NodeId>& mms, std::int64_t pid) {
  std::set<NodeId> containers;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    const bool uses =
        (node.kind == NodeKind::kVfioDevice && vms.contains(facts_of<VfioDeviceFacts>(node).kvm)) ||
        (node.kind == NodeKind::kVfioGroup && vms.contains(facts_of<VfioGroupFacts>(node).kvm));
    if (uses) out.insert(i);
    for (const auto& user : facts_of<VfioContainerFacts>(node).dma_users) {
      if ((pid != 0 && user.pid == pid) || mms.contains(user.mm)) containers.insert(node.id);
    }
  }
  for (const auto& container : containers) add(graph, out, container);
  std::set<NodeId> groups;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    if (node.kind != NodeKind::kVfioGroup) continue;
    if (containers.contains(facts_of<VfioGroupFacts>(node).container)) out.insert(i);
    if (out.contains(i)) groups.insert(node.id);
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    if (node.kind == NodeKind::kVfioDevice && is_in_use(graph, i) &&
        groups.contains(facts_of<VfioDeviceFacts>(node).group)) {
      out.insert(i);
    }
  }
}

// Objects that a process keeps, however indirectly.
void add_held(const Graph& graph, std::set<NodeIndex>& out, NodeIndex process) {
  std::vector<NodeIndex> todo{process};
  std::set<NodeIndex> seen{process};
  while (!todo.empty()) {
    const auto node = todo.back();
    todo.pop_back();
    for (const auto& edge : graph.held(node)) {
      const auto kind = graph.kind(edge.node);
      if (is_structural(*edge.reference) || kind == NodeKind::kModule ||
          !seen.insert(edge.node).second) {
        continue;
      }
      if (is_object(kind) && kind != NodeKind::kFile && kind != NodeKind::kMm) {
        out.insert(edge.node);
      }
      todo.push_back(edge.node);
    }
  }
}

}  // namespace

std::set<NodeIndex> belongings(const Sample& sample, const std::set<NodeIndex>& processes,
                               std::int64_t pid) {
  const auto& graph = sample.graph;
  auto out = processes;
  std::set<NodeId> mms;
  std::set<NodeId> vms;
  for (const auto process : processes) {
    add_held(graph, out, process);
    const auto& mm = facts_of<ProcessFacts>(graph.node(process)).mm;
    if (!mm.empty()) mms.insert(mm);
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    if (node.kind == NodeKind::kKvm) {
      const auto& facts = facts_of<KvmFacts>(node);
      if (mms.contains(facts.mm) || (pid != 0 && facts.creator_pid == pid)) {
        out.insert(i);
        vms.insert(node.id);
      }
    } else if (node.kind == NodeKind::kMm && pid != 0 && facts_of<MmFacts>(node).owner_pid == pid &&
               sample.liveness.of(i) == Life::kGone) {
      out.insert(i);
    }
  }
  add_vfio_of(graph, out, vms, mms, pid);
  return out;
}

}  // namespace vmleak
