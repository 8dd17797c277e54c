// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/gzip.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  constexpr std::size_t kLimit = std::size_t{64} << 10;
  const auto text = gunzip(input, kLimit);
  if (!text) return;
  require(text->size() <= kLimit, "a text has its limit");
  const auto tail = gunzip(input, 1);
  require(tail && std::string_view(*text).ends_with(*tail), "a limit leaves the end of a text");
}

}  // namespace vmleak::fuzz
