// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// Where the references of a cause come from: those that nobody is seen to hold
// or, where all are seen, those by which the holders keep its objects.
std::vector<Origin> origins_of(const AuditContext& context, const Cause& cause);

// References by files of this module that are out and of which the file is not
// seen: `references` are to be explained.
std::vector<Origin> origins_of_module(const AuditContext& context, NodeIndex module,
                                      std::int64_t references);

// One entry, of which `of` references are to be explained.
Origin origin_of(const AuditContext& context, const LedgerEntry& entry, std::int64_t of);

// All that the ledger knows of one node, leak or not.
std::vector<Origin> origins_on(const AuditContext& context, NodeIndex node);

// What speaks against the classes of these origins.
std::vector<Evidence> evidence_of_drift(const AuditContext& context,
                                        const std::vector<Origin>& origins);

// Adds it to one of the same origin when there is one.
void add_origin(std::vector<Origin>& origins, Origin origin);

// Names the domain of those that its owner has taken.
void name_domains(std::vector<Origin>& origins, const std::optional<Owner>& owner);

}  // namespace vmleak
