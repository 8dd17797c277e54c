// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "audit/audit.h"
#include "audit/graph.h"
#include "audit/ledger_index.h"
#include "audit/liveness.h"
#include "audit/reconcile.h"
#include "audit/roots.h"

namespace vmleak {

// One book and all that follows from it alone.
struct Sample {
  explicit Sample(const Book& book)
      : graph(book), liveness(graph), causes(trace_causes(graph, liveness)), ledger(book) {}

  [[nodiscard]] const Book& book() const { return graph.book(); }

  Graph graph;
  Liveness liveness;
  std::vector<Cause> causes;
  LedgerIndex ledger;
};

// What every rule sees.  Does not own the snapshot nor the books, which are the
// snapshot's samples or one book that is not yet part of it.
struct AuditContext {
  AuditContext(const Snapshot& from, std::span<const Book> books, const AuditOptions& with)
      : snapshot(from), options(with) {
    samples.reserve(books.size());
    for (const auto& book : books) samples.emplace_back(book);
    drift = find_drift(samples);
  }

  // The present.  There is one: nobody makes a context of a snapshot without
  // samples.
  [[nodiscard]] const Sample& now() const { return samples.back(); }

  const Snapshot& snapshot;
  const AuditOptions& options;
  std::vector<Sample> samples;
  std::vector<Drift> drift;  // in all of the samples
};

// The same kernel object in another sample, not a later one with the same id;
// kNoNode when it is not there.
NodeIndex same_node(const Graph& there, const Node& node);

}  // namespace vmleak
