// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "model/ledger.h"

namespace vmleak {

// "out", "preexisting", "forgotten"
std::string_view to_string(EntryState state);

void to_json(nlohmann::json& json, const LedgerBook& ledger);
void from_json(const nlohmann::json& json, LedgerBook& ledger);

// Every node that the ledger speaks of: they have to be in its book.
std::vector<std::string_view> nodes_named_by(const LedgerBook& ledger);

}  // namespace vmleak
