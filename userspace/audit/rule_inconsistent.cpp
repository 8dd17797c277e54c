// SPDX-License-Identifier: Apache-2.0
// More holders were seen than a counter has references: the books raced, or one
// holder was counted twice.  Either way the number must not be trusted.
#include <fmt/format.h>

#include <algorithm>

#include "audit/holders.h"
#include "audit/rules.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

// Counters that some verdict rests on.  Those of a running process' address
// space and files move all the time.
bool matters(const Sample& sample, NodeIndex node) {
  const auto kind = sample.graph.kind(node);
  if (kind == NodeKind::kMm) return sample.liveness.of(node) == Life::kGone;
  if (is_object(kind)) return true;
  return std::any_of(sample.causes.begin(), sample.causes.end(), [node](const Cause& cause) {
    return std::binary_search(cause.nodes.begin(), cause.nodes.end(), node);
  });
}

const Balance* negative_counter(const Graph& graph, NodeIndex node) {
  for (const auto& balance : graph.balances(node)) {
    if (balance.unaccounted < 0) return &balance;
  }
  return nullptr;
}

// Negative in the sample before as well: one walk may always race.
bool persists(const AuditContext& context, const Node& node) {
  if (context.samples.size() < 2) return true;
  const auto& before = context.samples[context.samples.size() - 2].graph;
  const auto there = same_node(before, node);
  return there != kNoNode && negative_counter(before, there) != nullptr;
}

}  // namespace

std::vector<Finding> find_inconsistent_books(const AuditContext& context,
                                             std::span<const Finding> /*others*/) {
  std::vector<Finding> findings;
  const auto& sample = context.now();
  for (NodeIndex i = 0; i < sample.graph.size(); ++i) {
    const auto* balance = negative_counter(sample.graph, i);
    if (balance == nullptr || !matters(sample, i)) continue;
    if (!persists(context, sample.graph.node(i))) continue;
    Finding finding;
    finding.verdict = Verdict::kInconclusive;
    finding.object = object_ref(sample.graph.node(i));
    finding.counters = counter_balances(sample, i);
    finding.summary = fmt::format(
        "the books about {} contradict each other: {} is {}, and {} more holders were seen",
        node_text(sample.graph, i), balance->counter, balance->value, -balance->unaccounted);
    finding.evidence.push_back(
        {"samples", fmt::format("in {}", count_text(static_cast<std::int64_t>(std::min<std::size_t>(
                                                        2, context.samples.size())),
                                                    "sample"))});
    finding.remedies.push_back(
        {"audit again while fewer VMs start and stop", "low", true, {}, "vmleak audit"});
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace vmleak
