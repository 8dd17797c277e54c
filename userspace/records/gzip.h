// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmleak {

// The text of a gzip file, of a long one the last `limit` bytes.  What follows
// a damaged place is missing.  Error when it is no gzip file.
Result<std::string> gunzip(std::string_view compressed, std::size_t limit);

}  // namespace vmleak
