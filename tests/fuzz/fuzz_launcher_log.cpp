// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/pods.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto runs = parse_launcher_log(input, "n", "/log");
  require_runs(runs, input);
  for (const auto& run : runs) require(!run.name.empty(), "a run has a name");
  if (const auto pod = parse_pod_directory(input)) {
    require(pod->space + "_" + pod->name + "_" + pod->uid == input,
            "a pod is all of its directory");
    require(launcher_domain(*pod).size() < input.size(), "a domain is a part of its pod");
  }
}

}  // namespace vmleak::fuzz
