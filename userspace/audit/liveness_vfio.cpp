// SPDX-License-Identifier: Apache-2.0
// Who uses VFIO groups, devices and containers.  Nothing in the kernel says
// so directly: a VM, a process with DMA mappings, or a process that has all
// the files it needs (DPDK before its first mapping) may be the user.
#include <algorithm>

#include "audit/liveness.h"

namespace vmleak {

struct Liveness::VfioEvidence {
  std::vector<NodeIndex> vms;       // named by the kernel's pointers
  std::vector<NodeIndex> weak_vms;  // only by a pointer that keeps no reference
  bool vm_gone = false;             // one of the VMs that are named
  NodeIndex container = kNoNode;
  // Running processes that have the files to use it by themselves.
  std::vector<NodeIndex> self_sufficient;
};

namespace {

// Up to Linux 6.1 vfio_device.kvm is a bare pointer that stays behind when the
// VM goes.
bool keeps(const Graph& graph, NodeIndex holder, std::string_view held) {
  const auto edges = graph.held(holder);
  return std::any_of(edges.begin(), edges.end(),
                     [&](const Edge& edge) { return edge.reference->held == held; });
}

std::vector<NodeIndex> common(const std::vector<NodeIndex>& a, const std::vector<NodeIndex>& b) {
  std::vector<NodeIndex> both;
  for (const auto node : a) {
    if (std::find(b.begin(), b.end(), node) != b.end()) both.push_back(node);
  }
  return both;
}

std::vector<NodeIndex> holders_of_type(const Graph& graph, const std::vector<NodeIndex>& processes,
                                       std::string_view type) {
  std::vector<NodeIndex> out;
  for (const auto process : processes) {
    const auto edges = graph.held(process);
    const bool has = std::any_of(edges.begin(), edges.end(), [&](const Edge& edge) {
      return facts_of<OpenFileFacts>(graph.node(edge.node)).type == type;
    });
    if (has) out.push_back(process);
  }
  return out;
}

const std::vector<DmaUser>& dma_users(const Graph& graph, NodeIndex container) {
  static const std::vector<DmaUser> none;
  if (container == kNoNode) return none;
  return facts_of<VfioContainerFacts>(graph.node(container)).dma_users;
}

}  // namespace

// A VM that no walk of all VMs found is gone; when the walk was not complete,
// that is a loss, and no verdict rests on it.
void Liveness::add_vm(const Graph& graph, VfioEvidence& evidence, const NodeId& vm,
                      bool trusted) const {
  if (vm.empty()) return;
  const auto node = graph.find(vm);
  if (node == kNoNode || life_[node] == Life::kGone) {
    evidence.vm_gone = true;
    return;
  }
  (trusted ? evidence.vms : evidence.weak_vms).push_back(node);
}

NodeIndex Liveness::running_dma_user(const Graph& graph, NodeIndex container) const {
  for (const auto& user : dma_users(graph, container)) {
    if (!user.mm.empty()) {
      const auto process = process_of_mm(user.mm);
      if (process != kNoNode && runs_[process]) return process;
    } else if (!user.exited) {
      const auto process = by_pid_.find(user.pid);
      if (process != by_pid_.end() && runs_[process->second]) return process->second;
    }
  }
  return kNoNode;
}

// Running processes with a descriptor for a file of the object.
std::vector<NodeIndex> Liveness::running_fd_holders(const Graph& graph, NodeIndex object) const {
  std::vector<NodeIndex> out;
  for (const auto& file : graph.holders(object)) {
    if (graph.kind(file.node) != NodeKind::kOpenFile) continue;
    for (const auto& holder : graph.holders(file.node)) {
      if (graph.kind(holder.node) == NodeKind::kProcess && runs_[holder.node] &&
          holder.reference->certain && holder.reference->cls == "file/fd") {
        out.push_back(holder.node);
      }
    }
  }
  return out;
}

Liveness::Use Liveness::use_by_vms(const VfioEvidence& evidence) const {
  bool unknown = false;
  for (const auto vm : evidence.vms) {
    if (life_[vm] == Life::kAlive) return {Life::kAlive, user_[vm]};
    unknown = unknown || life_[vm] == Life::kUnknown;
  }
  return {unknown ? Life::kUnknown : Life::kGone, kNoNode};
}

Liveness::Use Liveness::decide(const Graph& graph, const VfioEvidence& evidence) const {
  const auto by_vms = use_by_vms(evidence);
  if (by_vms.life == Life::kAlive) return by_vms;
  const auto process = running_dma_user(graph, evidence.container);
  if (process != kNoNode) return {Life::kAlive, process};
  if (by_vms.life == Life::kUnknown) return by_vms;
  if (!dma_users(graph, evidence.container).empty()) return {Life::kGone, kNoNode};
  if (const auto weak = use_by_vms({evidence.weak_vms, {}, false, kNoNode, {}});
      weak.life != Life::kGone) {
    return weak;
  }
  if (!evidence.vm_gone && !evidence.self_sufficient.empty()) {
    return {Life::kAlive, evidence.self_sufficient.front()};
  }
  return {Life::kGone, kNoNode};
}

Liveness::Use Liveness::use_of_group(const Graph& graph, NodeIndex group,
                                     const std::vector<NodeIndex>& devices) const {
  if (!is_in_use(graph, group)) return {};
  const auto& facts = facts_of<VfioGroupFacts>(graph.node(group));
  VfioEvidence evidence;
  evidence.container = graph.find(facts.container);
  add_vm(graph, evidence, facts.kvm, true);
  std::vector<NodeIndex> others;
  if (evidence.container != kNoNode) others = running_fd_holders(graph, evidence.container);
  for (const auto device : devices) {
    const auto& vm = facts_of<VfioDeviceFacts>(graph.node(device)).kvm;
    add_vm(graph, evidence, vm, vm == facts.kvm || keeps(graph, device, vm));
    const auto holders = running_fd_holders(graph, device);
    others.insert(others.end(), holders.begin(), holders.end());
  }
  evidence.self_sufficient = common(running_fd_holders(graph, group), others);
  return decide(graph, evidence);
}

// A device that was opened without its group: through its own node and iommufd.
Liveness::Use Liveness::use_of_lone_device(const Graph& graph, NodeIndex device) const {
  const auto& vm = facts_of<VfioDeviceFacts>(graph.node(device)).kvm;
  VfioEvidence evidence;
  add_vm(graph, evidence, vm, keeps(graph, device, vm));
  evidence.self_sufficient =
      holders_of_type(graph, running_fd_holders(graph, device), "iommufd/file");
  return decide(graph, evidence);
}

Liveness::Use Liveness::use_of_container(const Graph& graph, NodeIndex container,
                                         const std::vector<NodeIndex>& groups) const {
  if (!is_in_use(graph, container)) return {};
  bool unknown = false;
  for (const auto group : groups) {
    if (life_[group] == Life::kAlive) return {Life::kAlive, user_[group]};
    unknown = unknown || life_[group] == Life::kUnknown;
  }
  VfioEvidence evidence;
  evidence.container = container;
  // DPDK opens a container when it starts, long before it has a device.
  if (groups.empty()) evidence.self_sufficient = running_fd_holders(graph, container);
  const auto use = decide(graph, evidence);
  return unknown && use.life == Life::kGone ? Use{Life::kUnknown, kNoNode} : use;
}

void Liveness::judge_vfio(const Graph& graph) {
  std::unordered_map<NodeIndex, std::vector<NodeIndex>> devices_of;
  std::unordered_map<NodeIndex, std::vector<NodeIndex>> groups_of;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    if (node.kind == NodeKind::kVfioDevice) {
      devices_of[graph.find(facts_of<VfioDeviceFacts>(node).group)].push_back(i);
    } else if (node.kind == NodeKind::kVfioGroup) {
      groups_of[graph.find(facts_of<VfioGroupFacts>(node).container)].push_back(i);
    }
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) == NodeKind::kVfioGroup) set(i, use_of_group(graph, i, devices_of[i]));
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) == NodeKind::kVfioContainer) {
      set(i, use_of_container(graph, i, groups_of[i]));
    }
    if (graph.kind(i) != NodeKind::kVfioDevice || !is_in_use(graph, i)) continue;
    const auto group = graph.find(facts_of<VfioDeviceFacts>(graph.node(i)).group);
    set(i, group != kNoNode && life_[group] != Life::kIdle ? Use{life_[group], user_[group]}
                                                           : use_of_lone_device(graph, i));
  }
}

}  // namespace vmleak
