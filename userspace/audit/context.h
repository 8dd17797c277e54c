// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/audit.h"
#include "audit/graph.h"
#include "audit/liveness.h"
#include "audit/roots.h"

namespace vmleak {

// One book and all that follows from it alone.
struct Sample {
  explicit Sample(const Book& book)
      : graph(book), liveness(graph), causes(trace_causes(graph, liveness)) {}

  [[nodiscard]] const Book& book() const { return graph.book(); }

  Graph graph;
  Liveness liveness;
  std::vector<Cause> causes;
};

// What every rule sees.  Does not own the snapshot.
struct AuditContext {
  AuditContext(const Snapshot& from, const AuditOptions& with) : snapshot(from), options(with) {
    samples.reserve(from.samples.size());
    for (const auto& book : from.samples) samples.emplace_back(book);
  }

  // The present.  There is one: nobody makes a context of a snapshot without
  // samples.
  [[nodiscard]] const Sample& now() const { return samples.back(); }

  const Snapshot& snapshot;
  const AuditOptions& options;
  std::vector<Sample> samples;
};

// The same kernel object in another sample, not a later one with the same id;
// kNoNode when it is not there.
NodeIndex same_node(const Graph& there, const Node& node);

}  // namespace vmleak
