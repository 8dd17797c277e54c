// SPDX-License-Identifier: Apache-2.0
#include "audit/owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audit/taker.h"

namespace vmleak {
namespace {

// Owner::source when only struct kvm is left to say who it was.
constexpr std::string_view kLabelOnly = "kvm";

Owner owner_from_process(const Node& process, OwnerState state) {
  const auto& facts = facts_of<ProcessFacts>(process);
  if (facts.vm.name.empty() && facts.vm.uuid.empty()) {
    return {facts.comm, "", state, "process name", facts.pid};
  }
  return {facts.vm.name.empty() ? facts.comm : facts.vm.name, facts.vm.uuid, state, facts.vm.source,
          facts.pid};
}

// A process that is still on its way out can name a gone owner; one that runs
// with the same PID is somebody else.
std::optional<Owner> from_leaving_process(const Sample& sample, std::int64_t pid) {
  if (pid == 0) return std::nullopt;
  const auto process = sample.liveness.process_by_pid(pid);
  if (process == kNoNode || sample.liveness.runs(process)) return std::nullopt;
  return owner_from_process(sample.graph.node(process), OwnerState::kGone);
}

std::optional<Owner> gone_mm_owner(const Sample& sample, NodeIndex mm) {
  if (mm == kNoNode) return std::nullopt;
  const auto& facts = facts_of<MmFacts>(sample.graph.node(mm));
  if (auto owner = from_leaving_process(sample, facts.owner_pid)) return owner;
  if (facts.owner_comm.empty() && facts.owner_pid == 0) return std::nullopt;
  return Owner{facts.owner_comm, "", OwnerState::kGone, "address space", facts.owner_pid};
}

std::optional<Owner> gone_vm_owner(const Sample& sample, NodeIndex vm) {
  const auto& node = sample.graph.node(vm);
  const auto& facts = facts_of<KvmFacts>(node);
  if (auto owner = from_leaving_process(sample, facts.creator_pid)) return owner;
  const auto process = sample.liveness.process_of_mm(facts.mm);
  if (process != kNoNode) {
    return owner_from_process(sample.graph.node(process), OwnerState::kGone);
  }
  auto owner = gone_mm_owner(sample, sample.graph.find(facts.mm)).value_or(Owner{});
  owner.state = OwnerState::kGone;
  if (owner.name.empty()) {
    owner.name = node.name.empty() ? facts.stats_id : node.name;
    owner.source = kLabelOnly;
  }
  if (facts.creator_pid != 0) owner.pid = facts.creator_pid;
  return owner;
}

std::optional<Owner> dma_owner(const Sample& sample, NodeIndex container) {
  if (container == kNoNode) return std::nullopt;
  const auto& users = facts_of<VfioContainerFacts>(sample.graph.node(container)).dma_users;
  const auto user = std::max_element(
      users.begin(), users.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (user == users.end()) return std::nullopt;
  if (auto owner = from_leaving_process(sample, user->pid)) return owner;
  return Owner{user->comm, "", OwnerState::kGone, "DMA mapping", user->pid};
}

// The objects whose owner is the owner of this one.
std::vector<NodeIndex> related(const Graph& graph, NodeIndex object) {
  const auto& node = graph.node(object);
  std::vector<NodeIndex> out;
  const auto add = [&](const NodeId& id) {
    if (const auto found = graph.find(id); found != kNoNode) out.push_back(found);
  };
  const auto& group = facts_of<VfioGroupFacts>(node);
  add(group.kvm);
  add(group.container);
  const auto& device = facts_of<VfioDeviceFacts>(node);
  add(device.kvm);
  add(device.group);
  return out;
}

std::optional<Owner> gone_owner(const Sample& sample, NodeIndex object) {
  switch (sample.graph.kind(object)) {
    case NodeKind::kKvm:
      return gone_vm_owner(sample, object);
    case NodeKind::kMm:
      return gone_mm_owner(sample, object);
    case NodeKind::kVfioContainer:
      return dma_owner(sample, object);
    default:
      break;
  }
  for (const auto other : related(sample.graph, object)) {
    if (other == object || sample.liveness.of(other) == Life::kAlive) continue;
    if (auto owner = gone_owner(sample, other)) return owner;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Owner> owner_of(const Sample& sample, NodeIndex object) {
  const auto life = sample.liveness.of(object);
  const auto user = sample.liveness.user(object);
  if (user != kNoNode) {
    return owner_from_process(sample.graph.node(user), OwnerState::kRunning);
  }
  if (life != Life::kGone && life != Life::kUnknown) return std::nullopt;
  auto owner = gone_owner(sample, object);
  if (!owner || owner->source == kLabelOnly) {
    if (auto taker = owner_by_ledger(sample, object)) owner = std::move(taker);
  }
  if (owner && life == Life::kUnknown) owner->state = OwnerState::kUnknown;
  return owner;
}

std::optional<Owner> owner_of(const Sample& sample, const Cause& cause) {
  auto best = owner_of(sample, cause.primary);
  // A VM's label says less than the name of a process that used it.
  const auto says_little = [&] { return !best || best->source == kLabelOnly; };
  for (const auto object : cause.objects) {
    if (!says_little()) break;
    auto owner = owner_of(sample, object);
    if (owner && (!best || owner->source != kLabelOnly)) best = std::move(owner);
  }
  return best;
}

std::string last_user_text(const Owner& owner) {
  if (owner.pid == 0) return owner.name;
  return fmt::format("{} (PID {})", owner.name.empty() ? "a process" : owner.name, owner.pid);
}

}  // namespace vmleak
