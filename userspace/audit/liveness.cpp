// SPDX-License-Identifier: Apache-2.0
#include "audit/liveness.h"

#include <unordered_set>

namespace vmleak {

bool is_dying(const Graph& graph, NodeIndex vm) {
  const auto* users = graph.balance(vm, "users_count");
  return facts_of<KvmFacts>(graph.node(vm)).dying || (users != nullptr && users->value == 0);
}

bool is_in_use(const Graph& graph, NodeIndex object) {
  const auto value = [&](std::string_view counter) { return graph.value(object, counter); };
  switch (graph.kind(object)) {
    case NodeKind::kKvm:
      return true;  // a VM exists only as long as somebody wants it
    case NodeKind::kMm:
      return value("mm_users") > 0;
    case NodeKind::kVfioGroup:
      return value("opened_file") > 0 || value("container_users") > 0;
    case NodeKind::kVfioContainer:
      return value("kref") > 0;
    case NodeKind::kVfioDevice: {
      // Its driver's own reference, given back when it is unregistered.
      const auto registered = facts_of<VfioDeviceFacts>(graph.node(object)).registered ? 1 : 0;
      return value("refcount") > registered || value("open_count") > 0;
    }
    default:
      return false;
  }
}

Liveness::Liveness(const Graph& graph)
    : runs_(graph.size(), false), life_(graph.size(), Life::kIdle), user_(graph.size(), kNoNode) {
  find_processes(graph);
  judge_mms(graph);
  judge_vms(graph);
  judge_vfio(graph);
}

void Liveness::set(NodeIndex node, Use use) {
  life_[node] = use.life;
  user_[node] = use.user;
}

void Liveness::find_processes(const Graph& graph) {
  // A thread group that dumps core comes to no more system calls, though its
  // dumping thread is not yet marked as exiting.
  std::unordered_set<std::int64_t> dumping;
  for (const auto& task : graph.book().closing_tasks) {
    if (task.reason == ClosingReason::kCoreDump) dumping.insert(task.pid);
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto kind = graph.kind(i);
    if (kind != NodeKind::kProcess && kind != NodeKind::kKernelThread) continue;
    const auto& facts = facts_of<ProcessFacts>(graph.node(i));
    by_pid_.emplace(facts.pid, i);
    runs_[i] = kind == NodeKind::kKernelThread || !(facts.exiting || dumping.contains(facts.pid));
    // A kernel thread only borrows an address space.
    if (kind == NodeKind::kKernelThread || facts.mm.empty()) continue;
    const auto [entry, is_new] = by_mm_.emplace(facts.mm, i);
    if (!is_new && runs_[i] && !runs_[entry->second]) entry->second = i;
  }
}

NodeIndex Liveness::process_of_mm(std::string_view mm) const {
  const auto found = by_mm_.find(mm);
  return found == by_mm_.end() ? kNoNode : found->second;
}

NodeIndex Liveness::process_by_pid(std::int64_t pid) const {
  const auto found = by_pid_.find(pid);
  return found == by_pid_.end() ? kNoNode : found->second;
}

void Liveness::judge_mms(const Graph& graph) {
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != NodeKind::kMm) continue;
    const auto process = process_of_mm(graph.node(i).id);
    if (process != kNoNode) {
      if (runs_[process]) set(i, {Life::kAlive, process});
      continue;  // the mm of an exiting process goes with the process
    }
    if (is_in_use(graph, i)) set(i, {Life::kGone, kNoNode});
  }
}

void Liveness::judge_vms(const Graph& graph) {
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != NodeKind::kKvm) continue;
    const auto& facts = facts_of<KvmFacts>(graph.node(i));
    if (facts.mm.empty()) {
      const auto creator = by_pid_.find(facts.creator_pid);
      const bool alive = creator != by_pid_.end() && runs_[creator->second];
      set(i, alive ? Use{Life::kAlive, creator->second} : Use{Life::kUnknown, kNoNode});
      continue;
    }
    const auto process = process_of_mm(facts.mm);
    const bool alive = process != kNoNode && runs_[process];
    set(i, alive ? Use{Life::kAlive, process} : Use{Life::kGone, kNoNode});
  }
}

}  // namespace vmleak
