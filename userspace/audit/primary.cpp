// SPDX-License-Identifier: Apache-2.0
#include "audit/primary.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace vmleak {
namespace {

// Of objects equally near the one that hurts most comes first: a device that
// is kept can't even be unbound.
constexpr std::array kWeight{NodeKind::kVfioDevice, NodeKind::kVfioGroup, NodeKind::kKvm,
                             NodeKind::kVfioContainer, NodeKind::kMm};

auto weight(NodeKind kind) { return std::find(kWeight.begin(), kWeight.end(), kind); }

using Downwards = std::unordered_map<NodeIndex, std::vector<NodeIndex>>;

Downwards reverse_steps(const Graph& graph, const Liveness& liveness, const Cause& cause) {
  Downwards held;
  for (const auto node : cause.nodes) {
    for (const auto& step : steps_up(graph, liveness, node)) held[step.holder].push_back(node);
  }
  return held;
}

// What the strongest kind of root in the cause keeps directly.
std::vector<NodeIndex> kept_nodes(const Cause& cause, const Downwards& held) {
  std::vector<NodeIndex> kept;
  for (const auto& root : cause.kernel) kept.push_back(root.node);
  if (!kept.empty()) return kept;
  for (const auto* roots : {&cause.running, &cause.ending, &cause.maybe}) {
    for (const auto root : *roots) {
      const auto below = held.find(root);
      if (below != held.end()) {
        kept.insert(kept.end(), below->second.begin(), below->second.end());
      }
    }
    if (!kept.empty()) return kept;
  }
  return cause.unkept;
}

}  // namespace

NodeIndex primary_object(const Graph& graph, const Liveness& liveness, const Cause& cause) {
  const auto held = reverse_steps(graph, liveness, cause);
  const std::unordered_set<NodeIndex> objects(cause.objects.begin(), cause.objects.end());
  auto level = kept_nodes(cause, held);
  std::unordered_set<NodeIndex> seen(level.begin(), level.end());
  while (!level.empty()) {
    NodeIndex best = kNoNode;
    const auto rank = [&](NodeIndex node) {
      return std::tuple(weight(graph.kind(node)), std::string_view(graph.node(node).id));
    };
    for (const auto node : level) {
      if (objects.contains(node) && (best == kNoNode || rank(node) < rank(best))) best = node;
    }
    if (best != kNoNode) return best;
    std::vector<NodeIndex> next;
    for (const auto node : level) {
      const auto below = held.find(node);
      if (below == held.end()) continue;
      for (const auto lower : below->second) {
        if (seen.insert(lower).second) next.push_back(lower);
      }
    }
    level = std::move(next);
  }
  return cause.objects.front();
}

}  // namespace vmleak
