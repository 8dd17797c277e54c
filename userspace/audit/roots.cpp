// SPDX-License-Identifier: Apache-2.0
#include "audit/roots.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "audit/primary.h"

namespace vmleak {
namespace {

constexpr std::string_view kPendingFput = "file/pending-fput";

bool is_task(NodeKind kind) {
  return kind == NodeKind::kProcess || kind == NodeKind::kKernelThread;
}

// A file whose release gives back one of the objects.
bool is_object_file(std::string_view type) {
  return type.starts_with("kvm/") || type.starts_with("vfio/") || type.starts_with("iommufd/");
}

class DisjointSets {
 public:
  explicit DisjointSets(std::size_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), NodeIndex{0});
  }
  NodeIndex find(NodeIndex node) {
    while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
    return node;
  }
  void unite(NodeIndex a, NodeIndex b) { parent_[find(a)] = find(b); }

 private:
  std::vector<NodeIndex> parent_;
};

// Everything above the objects that should be gone.
class Trace {
 public:
  Trace(const Graph& graph, const Liveness& liveness)
      : graph_(graph), liveness_(liveness), seen_(graph.size(), 0), sets_(graph.size()) {}

  std::vector<Cause> run() {
    for (NodeIndex i = 0; i < graph_.size(); ++i) {
      if (should_be_gone(i)) visit(i, kObject);
    }
    std::size_t next = 0;
    while (next < order_.size()) climb(order_[next++]);  // grows meanwhile
    return collect();
  }

 private:
  // How a node was come by; a node can be several.
  enum Mark : unsigned { kObject = 1, kCertain = 2, kMaybe = 4, kClosing = 8 };

  bool should_be_gone(NodeIndex node) const {
    const auto life = liveness_.of(node);
    if (life == Life::kGone || life == Life::kUnknown) return true;
    return graph_.kind(node) == NodeKind::kKvm && is_dying(graph_, node);
  }

  void visit(NodeIndex node, unsigned mark) {
    if (seen_[node] == 0) order_.push_back(node);
    seen_[node] |= mark;
  }

  void climb(NodeIndex node) {
    const auto steps = steps_up(graph_, liveness_, node);
    for (const auto& step : steps) {
      visit(step.holder, step.closing ? kClosing : step.certain ? kCertain : kMaybe);
      sets_.unite(node, step.holder);
    }
    if (steps.empty()) tops_.push_back(node);
  }

  std::vector<Cause> collect() {
    std::vector<Cause> causes;
    std::unordered_map<NodeIndex, std::size_t> cause_of;
    for (const auto node : order_) {
      const auto [entry, is_new] = cause_of.emplace(sets_.find(node), causes.size());
      if (is_new) causes.emplace_back();
      auto& cause = causes[entry->second];
      cause.nodes.push_back(node);
      if ((seen_[node] & kObject) != 0) cause.objects.push_back(node);
      if (auto counters = unexplained_at(graph_, liveness_, node); !counters.empty()) {
        cause.kernel.push_back({node, std::move(counters)});
      }
    }
    for (const auto top : tops_) add_top(causes[cause_of.at(sets_.find(top))], top);
    for (auto& cause : causes) finish(cause);
    std::sort(causes.begin(), causes.end(),
              [](const Cause& a, const Cause& b) { return a.primary < b.primary; });
    return causes;
  }

  void add_top(Cause& cause, NodeIndex top) const {
    if (!is_task(graph_.kind(top))) {
      const bool counted = std::any_of(cause.kernel.begin(), cause.kernel.end(),
                                       [top](const auto& root) { return root.node == top; });
      if (!counted) cause.unkept.push_back(top);
      return;
    }
    const bool runs = liveness_.runs(top);
    if (!runs || (seen_[top] & kClosing) != 0) cause.ending.push_back(top);
    if (runs && (seen_[top] & kCertain) != 0) cause.running.push_back(top);
    if (runs && seen_[top] == kMaybe) cause.maybe.push_back(top);
  }

  void finish(Cause& cause) const {
    std::sort(cause.nodes.begin(), cause.nodes.end());
    std::sort(cause.objects.begin(), cause.objects.end());
    if (cause.kernel.empty() && cause.running.empty() && cause.ending.empty() &&
        cause.maybe.empty() && cause.unkept.empty()) {
      cause.unkept = cause.objects;  // they keep each other
    }
    cause.primary = primary_object(graph_, liveness_, cause);
  }

  const Graph& graph_;
  const Liveness& liveness_;
  std::vector<unsigned> seen_;
  DisjointSets sets_;
  std::vector<NodeIndex> order_;
  std::vector<NodeIndex> tops_;
};

}  // namespace

std::vector<Step> steps_up(const Graph& graph, const Liveness& liveness, NodeIndex node) {
  std::vector<Step> steps;
  if (graph.kind(node) == NodeKind::kProcess) return steps;
  if (graph.kind(node) == NodeKind::kMm) {
    if (const auto process = liveness.process_of_mm(graph.node(node).id); process != kNoNode) {
      steps.push_back({process, nullptr, true, false});
      return steps;
    }
  }
  for (const auto& edge : graph.holders(node)) {
    const auto& reference = *edge.reference;
    if (is_structural(reference)) continue;
    if (!reference.certain) {
      const auto* balance = graph.balance(node, reference.counter);
      if (balance == nullptr || balance->unaccounted <= 0) continue;
    }
    steps.push_back({edge.node, &reference, reference.certain, reference.cls == kPendingFput});
  }
  return steps;
}

std::vector<const Balance*> unexplained_at(const Graph& graph, const Liveness& liveness,
                                           NodeIndex node) {
  std::vector<const Balance*> counters;
  const auto kind = graph.kind(node);
  if (kind == NodeKind::kOpenFile) {
    if (!is_object_file(facts_of<OpenFileFacts>(graph.node(node)).type)) {
      const auto steps = steps_up(graph, liveness, node);
      const bool kept = std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
        return step.certain && is_task(graph.kind(step.holder)) && liveness.runs(step.holder);
      });
      if (kept) return counters;
    }
  } else if (liveness.of(node) != Life::kGone && liveness.of(node) != Life::kUnknown) {
    return counters;
  }
  for (const auto& balance : graph.balances(node)) {
    if (balance.unexplained() > 0) counters.push_back(&balance);
  }
  return counters;
}

std::vector<Cause> trace_causes(const Graph& graph, const Liveness& liveness) {
  return Trace(graph, liveness).run();
}

}  // namespace vmleak
