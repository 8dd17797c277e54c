// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/result.h"
#include "bpf/kernel_records.h"

namespace vmleak {

// Appends the records in `data` to `out`.  Returns how many bytes were whole
// records; the rest is the beginning of one that is not complete yet.  Error
// when the stream is not made of records.
Result<std::size_t> add_records(const char* data, std::size_t size, KernelRecords& out);

}  // namespace vmleak
