// SPDX-License-Identifier: Apache-2.0
#include "commands/journal_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/journal_report.h"

namespace vmleak {

Result<ExitCode> run_journal(const JournalCommand& command, const Environment& environment) {
  const auto read = environment.read_journal();
  if (!read) return read.error();
  const auto journal = parse_journal(read->text);
  auto runs = journal_runs(journal, environment.host().boot_id, read->locked);
  if (!command.run.empty()) {
    std::erase_if(runs, [&](const JournalRun& run) { return run.start.run != command.run; });
    if (runs.empty()) {
      return Error{
          fmt::format("find run \"{}\": {} has none of that name", command.run, kJournalPath)};
    }
  }
  const auto text = command.format != Format::kText ? journal_json(runs, journal.problems)
                    : command.run.empty() ? journal_text(runs, journal.problems, environment.style)
                                          : run_text(runs.front(), environment.style);
  if (auto written = environment.write(text); !written) return written.error();
  const bool open = std::any_of(runs.begin(), runs.end(),
                                [](const JournalRun& run) { return !run.open_steps.empty(); });
  return open ? kExitFound : kExitClean;
}

}  // namespace vmleak
