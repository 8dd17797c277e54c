// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/text.h"
#include "records/machine_journal.h"

namespace vmleak::fuzz {

// Messages a line each: "+qemu-1-a" or "-qemu-1-a"; other lines are runs of other records.
void fuzz(std::string_view input) {
  std::vector<MachineMessage> messages;
  std::vector<PastRun> others;
  for (auto rest = input; !rest.empty();) {
    const auto line = next_part(rest, '\n');
    const auto number = messages.size();
    if (line.starts_with('+') || line.starts_with('-')) {
      messages.push_back({line.starts_with('+'), std::string(line.substr(1)),
                          static_cast<std::int64_t>(number % 3), number + 1});
    } else {
      PastRun run;
      run.name = line;
      run.source = "another";
      run.started_ns = 1;
      others.push_back(run);
    }
  }
  auto runs = machine_runs(messages);
  require_runs(runs, input);
  for (const auto& run : runs) {
    require((run.ended_ns == 0) == run.end_reason.empty(), "an end has a reason");
  }
  const auto form = machine_form(input);
  require(machine_form(form) == form, "a form has its own form");
  const auto count = runs.size();
  runs.insert(runs.end(), others.begin(), others.end());
  name_machines(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    require(i < count || runs[i].name == others[i - count].name, "others keep their names");
  }
}

}  // namespace vmleak::fuzz
