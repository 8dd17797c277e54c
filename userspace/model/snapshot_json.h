// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"

namespace vmleak {

// The snapshot as a "vmleak.snapshot/1" document.
nlohmann::json snapshot_to_json(const Snapshot& snapshot);

// One book alone, as it travels between the walking process and its parent.
nlohmann::json book_to_json(const Book& book);
Result<Book> book_from_json(const nlohmann::json& json);

// What managers say, as it travels the same way.
nlohmann::json management_to_json(const Management& management);
Result<Management> management_from_json(const nlohmann::json& json);

// PCI functions, as they travel the same way.
nlohmann::json pci_functions_to_json(const std::vector<PciFunction>& functions);
Result<std::vector<PciFunction>> pci_functions_from_json(const nlohmann::json& json);

// Capabilities, as they travel the same way.
nlohmann::json families_to_json(const std::vector<Family>& families);
Result<std::vector<Family>> families_from_json(const nlohmann::json& json);

// Reads a document written by snapshot_to_json().  Errors name what is wrong:
// not JSON, another schema, a missing or mistyped field, a dangling reference,
// no samples.
Result<Snapshot> snapshot_from_text(std::string_view text);

}  // namespace vmleak
