// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/finding.h"

namespace vmleak {

// Keeps the order of the schema, so that a person can read the document too.
using Json = nlohmann::ordered_json;

// The objects that all documents share (schema vmleak.audit/1).  What is not
// known is null, never an empty string.
Json host_json(const HostInfo& host);
Json versions_json(const Versions& versions);
Json coverage_json(const Coverage& coverage);
Json losses_json(const std::vector<Loss>& losses);
Json drift_json(const std::vector<Drift>& drift);
Json evidence_json(const std::vector<Evidence>& evidence);
Json object_json(const ObjectRef& object);
Json owner_json(const std::optional<Owner>& owner);
Json counters_json(const std::vector<CounterBalance>& counters);
Json link_json(const ChainLink& link);
Json holders_json(const std::vector<HolderChain>& holders);
Json origins_json(const std::vector<Origin>& origins);
Json finding_json(const Finding& finding);

// Null for an empty text.
Json text_or_null(std::string_view text);

// The document and a newline.  Never throws: bytes that are not UTF-8 (names
// may hold any) become U+FFFD.
std::string dump_document(const Json& document);
std::string dump_line(const Json& document);

}  // namespace vmleak
