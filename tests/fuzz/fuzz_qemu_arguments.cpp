// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/qemu_arguments.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  PastRun run;
  run.source = "a command line";
  describe_run(split_shell_words(input), run);
  require_runs({run}, std::string(input) + " ");
}

}  // namespace vmleak::fuzz
