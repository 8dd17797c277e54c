// SPDX-License-Identifier: Apache-2.0
// Counter, holders and ledger laid side by side.  The counter is the truth.
#include "audit/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "audit/context.h"
#include "audit/wording.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

std::int64_t seen_of(const Balance& balance, std::string_view cls) {
  for (const auto& entry : balance.classes) {
    if (entry.cls == cls) return entry.references;
  }
  return 0;
}

bool is_seen(const Graph& graph, const LedgerEntry& entry) {
  const auto held = graph.find(entry.held);
  if (held == kNoNode || entry.holder.empty()) return false;
  const auto edges = graph.holders(held);
  return std::any_of(edges.begin(), edges.end(), [&](const Edge& edge) {
    const auto& reference = *edge.reference;
    return reference.certain && reference.holder == entry.holder && reference.cls == entry.cls;
  });
}

// Made while the ledger was armed, so that it has to know every reference.
bool is_known_from_birth(const LedgerIndex& ledger, const NodeId& node) {
  bool born = false;
  for (const auto* entries : {&ledger.of(node), &ledger.by_holder(node)}) {
    for (const auto* entry : *entries) {
      if (entry->state == EntryState::kPreexisting) return false;
      born = born || (entry->cls.ends_with("file") && entry->state == EntryState::kOut);
    }
  }
  return born;
}

struct DriftKey {
  NodeId node;
  std::string instance;
  std::string counter;
  std::string cls;
  std::int64_t seen;
  std::int64_t recorded;
  auto operator<=>(const DriftKey&) const = default;
};

std::set<DriftKey> drift_in(const Sample& sample) {
  std::set<DriftKey> out;
  const auto& ledger = sample.ledger;
  if (ledger.book() == nullptr) return out;
  for (const auto& cls : ledger.book()->complete_classes) {
    const auto* row = find_reference_class(cls);
    if (row == nullptr || row->counter.empty()) continue;
    for (NodeIndex i = 0; i < sample.graph.size(); ++i) {
      if (sample.graph.kind(i) != row->held) continue;
      const auto* balance = sample.graph.balance(i, row->counter);
      if (balance == nullptr || balance->unaccounted != 0) continue;
      const auto& node = sample.graph.node(i);
      std::int64_t recorded = 0;
      for (const auto* entry : ledger.of(node.id)) {
        if (entry->cls == cls && entry->state != EntryState::kForgotten) {
          recorded += entry->references;
        }
      }
      const auto seen = seen_of(*balance, cls);
      if (recorded == seen) continue;
      if (recorded < seen && !is_known_from_birth(ledger, node.id)) continue;
      out.insert({node.id, node.instance, balance->counter, cls, seen, recorded});
    }
  }
  return out;
}

}  // namespace

std::vector<RecordedCount> recorded_counts(const LedgerIndex& ledger, const Balance& balance) {
  std::vector<RecordedCount> out;
  for (const auto& row : reference_classes()) {
    if (row.counter != balance.counter) continue;
    RecordedCount count{std::string(row.name)};
    for (const auto* entry : ledger.of(balance.node)) {
      if (entry->cls != row.name) continue;
      auto& number = entry->state == EntryState::kOut           ? count.out
                     : entry->state == EntryState::kPreexisting ? count.preexisting
                                                                : count.forgotten;
      number += entry->references;
    }
    if (count.out + count.preexisting + count.forgotten > 0) out.push_back(std::move(count));
  }
  return out;
}

std::vector<const LedgerEntry*> unseen_entries(const Graph& graph, const LedgerIndex& ledger,
                                               const Balance& balance) {
  std::map<std::string_view, std::vector<const LedgerEntry*>> by_class;
  for (const auto* entry : ledger.of(balance.node)) {
    if (entry->state != EntryState::kForgotten && counter_of(entry->cls) == balance.counter) {
      by_class[entry->cls].push_back(entry);
    }
  }
  std::vector<const LedgerEntry*> out;
  for (auto& [cls, entries] : by_class) {
    auto more = -seen_of(balance, cls);
    for (const auto* entry : entries) more += entry->references;
    std::erase_if(entries, [&](const LedgerEntry* entry) { return is_seen(graph, *entry); });
    // A holder that is not in the book is the likelier one.
    std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
      return a->holder.empty() && !b->holder.empty();
    });
    if (more <= 0) continue;
    for (const auto* entry : entries) {
      if (more <= 0 && !entry->holder.empty()) break;
      out.push_back(entry);
      more -= entry->references;
    }
  }
  return out;
}

std::vector<Drift> find_drift(std::span<const Sample> samples) {
  std::vector<Drift> out;
  if (samples.empty()) return out;
  auto keys = drift_in(samples.back());
  for (const auto& sample : samples.first(samples.size() - 1)) {
    if (keys.empty()) break;
    const auto then = drift_in(sample);
    std::erase_if(keys, [&then](const DriftKey& key) { return !then.contains(key); });
  }
  const auto& graph = samples.back().graph;
  for (const auto& key : keys) {
    out.push_back({object_ref(graph.node(graph.find(key.node))), key.counter, key.cls, key.seen,
                   key.recorded});
  }
  return out;
}

std::vector<Loss> stale_losses(const Coverage& coverage, std::span<const Loss> known) {
  std::vector<Loss> out;
  for (const auto& family : coverage.families) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const Loss& loss) {
      return loss.in_ledger && loss.what.find(family.name) != std::string::npos;
    });
    if (family.state != FamilyState::kStale || is_known) continue;
    std::set<NodeKind> kinds;  // of a family without known classes: all
    for (const auto& cls : family.classes) {
      if (const auto* row = find_reference_class(cls)) kinds.insert(row->held);
    }
    out.push_back({fmt::format("{} is stale: the code it was attached to is gone", family.name),
                   1,
                   {kinds.begin(), kinds.end()},
                   true});
  }
  return out;
}

}  // namespace vmleak
