// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/libvirt_log.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto runs = parse_libvirt_log(input, "n", "/log");
  require_runs(runs, input);
  for (const auto& run : runs) {
    require(!run.name.empty(), "a run has a name");
    require((run.ended_ns == 0) == run.end_reason.empty(), "an end has a reason");
  }
}

}  // namespace vmleak::fuzz
