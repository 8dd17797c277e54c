// SPDX-License-Identifier: Apache-2.0
#include "model/json_document.h"

namespace vmleak {

using nlohmann::json;

Result<json> parse_json_document(std::string_view text) {
  bool whole = true;
  // What does not fit 64 bits is read as a floating point number.
  const auto check = [&whole](int /*depth*/, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::value && value.is_number_float()) whole = false;
    return true;
  };
  auto document = json::parse(text, check, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Error{"not a JSON document"};
  if (!whole) return Error{"it has a number that is not whole or does not fit 64 bits"};
  return document;
}

}  // namespace vmleak
