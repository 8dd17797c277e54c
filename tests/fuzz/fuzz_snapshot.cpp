// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "model/snapshot_json.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto snapshot = snapshot_from_text(input);
  if (!snapshot) {
    require(!snapshot.error().message.empty(), "an error says what is wrong");
    return;
  }
  const auto text = snapshot_to_json(*snapshot).dump();
  const auto again = snapshot_from_text(text);
  require(again && snapshot_to_json(*again).dump() == text, "what is read is what was written");
}

}  // namespace vmleak::fuzz
