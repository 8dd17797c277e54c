// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/cgroup.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto facts = parse_cgroup(input);
  require(facts.path.size() + facts.unit.size() <= 2 * input.size() &&
              facts.machine.size() <= input.size(),
          "names are no longer than the input");
  require(facts.pod.empty() || facts.pod.size() == 32 || facts.pod.size() == 36, "a pod has a UID");
  require(facts.pod.find('/') == std::string::npos, "a UID is no path");
  require(systemd_unescape(input).size() <= input.size(), "what is unescaped gets no longer");
}

}  // namespace vmleak::fuzz
