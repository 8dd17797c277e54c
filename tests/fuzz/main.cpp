// SPDX-License-Identifier: Apache-2.0
//
// What libFuzzer calls.
#include <cstddef>
#include <cstdint>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vmleak::fuzz::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
