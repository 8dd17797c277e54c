// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace vmleak {

// A JSON document as vmleak writes them: all its numbers are whole and fit 64
// bits.  Others can't become fields, and are an error, as what is no JSON is.
Result<nlohmann::json> parse_json_document(std::string_view text);

}  // namespace vmleak
