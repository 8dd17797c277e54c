// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/audit_log.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto runs = parse_audit_log(input, "/log");
  require_runs(runs, input);
  for (const auto& run : runs) {
    require(!run.uuid.empty() && run.started_ns != 0, "a run has a UUID and a start");
    require((run.ended_ns == 0) == run.end_reason.empty(), "an end has a reason");
  }
}

}  // namespace vmleak::fuzz
