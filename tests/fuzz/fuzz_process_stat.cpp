// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/process_stat.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  if (const auto stat = parse_task_stat(input)) {
    require(stat->comm.size() <= input.size(), "a name is no longer than the input");
  }
  parse_task_status(input);
}

}  // namespace vmleak::fuzz
