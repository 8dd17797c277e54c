// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "audit/graph.h"
#include "audit/ledger_index.h"
#include "model/finding.h"

namespace vmleak {

struct Sample;

// The ledger's column of a counter's equation, in the order of the class table.
std::vector<RecordedCount> recorded_counts(const LedgerIndex& ledger, const Balance& balance);

// Entries of a counter that are out and of which the holder is not seen: of
// each class as many as there are more entries than holders.
std::vector<const LedgerEntry*> unseen_entries(const Graph& graph, const LedgerIndex& ledger,
                                               const Balance& balance);

// Where the ledger and the holders disagree in every sample though the holders
// add up to the counter.
std::vector<Drift> find_drift(std::span<const Sample> samples);

// What stale families cost: their entries say nothing about what happened since.
// Not those that a loss among these names already.
std::vector<Loss> stale_losses(const Coverage& coverage, std::span<const Loss> known);

}  // namespace vmleak
