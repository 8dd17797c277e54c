// SPDX-License-Identifier: Apache-2.0
#include "audit/holders.h"

#include <algorithm>
#include <utility>

#include "audit/wording.h"

namespace vmleak {
namespace {

ChainLink unknown_holder(std::int64_t references) {
  return {"kernel", "", "kernel, unknown",
          0,        "", count_text(references, "reference") + " that nobody is seen to hold"};
}

std::int64_t unexplained_references(const Sample& sample, NodeIndex node) {
  std::int64_t most = 0;
  for (const auto* balance : unexplained_at(sample.graph, sample.liveness, node)) {
    // Two counters of one object count the same holders in two ways.
    most = std::max(most, balance->unexplained());
  }
  return most;
}

std::int64_t count_of(const Step& step) {
  return step.reference == nullptr ? 1 : step.reference->count;
}

// Two counters that see the same holder are one way up.
std::vector<Step> distinct_steps(const Sample& sample, NodeIndex node) {
  std::vector<Step> out;
  for (const auto& step : steps_up(sample.graph, sample.liveness, node)) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const Step& other) {
      return other.holder == step.holder && other.reference != nullptr &&
             step.reference != nullptr && other.reference->counter != step.reference->counter;
    });
    if (!known) out.push_back(step);
  }
  return out;
}

class ChainWalk {
 public:
  ChainWalk(const Sample& sample, std::size_t limit) : sample_(sample), limit_(limit) {}

  std::vector<HolderChain> run(NodeIndex object) {
    path_.push_back(object);
    climb(object, 1);
    return std::move(out_);
  }

 private:
  void climb(NodeIndex node, std::int64_t references) {
    // A few cycles and forks can make many paths; looking is bounded, too.
    if (out_.size() >= limit_ || ++steps_taken_ > 64 * limit_) return;
    const auto unexplained = unexplained_references(sample_, node);
    if (unexplained > 0) {
      emit(unexplained);
      out_.back().chain.push_back(unknown_holder(unexplained));
    }
    const auto steps = distinct_steps(sample_, node);
    if (steps.empty() && unexplained == 0 && !links_.empty()) emit(references);
    for (const auto& step : steps) {
      if (std::find(path_.begin(), path_.end(), step.holder) != path_.end()) continue;
      path_.push_back(step.holder);
      links_.push_back(chain_link(sample_.graph, step.holder, step.reference));
      climb(step.holder, count_of(step));
      links_.pop_back();
      path_.pop_back();
    }
  }

  void emit(std::int64_t references) { out_.push_back({references, links_}); }

  const Sample& sample_;
  std::size_t limit_;
  std::size_t steps_taken_ = 0;
  std::vector<NodeIndex> path_;
  std::vector<ChainLink> links_;
  std::vector<HolderChain> out_;
};

class TreeWalk {
 public:
  explicit TreeWalk(const Sample& sample) : sample_(sample), shown_(sample.graph.size(), false) {}

  std::vector<HolderTree> below(NodeIndex node) {
    std::vector<HolderTree> out;
    if (shown_[node]) return out;
    shown_[node] = true;
    if (const auto unexplained = unexplained_references(sample_, node); unexplained > 0) {
      out.push_back({unknown_holder(unexplained), unexplained, {}, {}});
    }
    for (const auto& step : distinct_steps(sample_, node)) {
      out.push_back({chain_link(sample_.graph, step.holder, step.reference), count_of(step),
                     counter_balances(sample_, step.holder), below(step.holder)});
    }
    return out;
  }

 private:
  const Sample& sample_;
  std::vector<bool> shown_;
};

}  // namespace

std::vector<CounterBalance> counter_balances(const Sample& sample, NodeIndex node) {
  std::vector<CounterBalance> out;
  for (const auto& balance : sample.graph.balances(node)) {
    out.push_back({object_ref(sample.graph.node(node)), balance.counter, balance.value,
                   balance.classes, balance.unaccounted, balance.bound});
    if (sample.ledger.book() != nullptr) {
      out.back().recorded = recorded_counts(sample.ledger, balance);
    }
  }
  return out;
}

ChainLink chain_link(const Graph& graph, NodeIndex holder, const Reference* reference) {
  const auto& node = graph.node(holder);
  ChainLink link{std::string(to_string(node.kind)),
                 std::string(local_id(node.id)),
                 node_text(graph, holder),
                 0,
                 "",
                 ""};
  if (node.kind == NodeKind::kProcess || node.kind == NodeKind::kKernelThread) {
    const auto& facts = facts_of<ProcessFacts>(node);
    link.pid = facts.pid;
    link.comm = facts.comm;
  }
  if (reference != nullptr) {
    link.detail = reference->detail;
    if (!reference->certain) {
      link.detail += link.detail.empty() ? "possibly" : ", possibly";
    }
  }
  return link;
}

std::vector<HolderChain> holder_chains(const Sample& sample, NodeIndex object, std::size_t limit) {
  return ChainWalk(sample, limit).run(object);
}

std::vector<HolderTree> holder_trees(const Sample& sample, NodeIndex object) {
  return TreeWalk(sample).below(object);
}

}  // namespace vmleak
