// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fuzz.h"
#include "remedy/journal.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto journal = parse_journal(input);
  const auto lines = static_cast<std::size_t>(std::count(input.begin(), input.end(), '\n')) + 1;
  require(journal.records.size() + journal.problems.size() <= lines,
          "a line is a record or a problem");
  std::string written;
  for (const auto& record : journal.records) {
    const auto line = journal_line(record);
    require(line.find('\n') == line.size() - 1, "a record is one line");
    written += line;
  }
  const auto again = parse_journal(written);
  require(again.problems.empty() && again.records.size() == journal.records.size(),
          "what is written can be read");
  for (std::size_t i = 0; i < again.records.size(); ++i) {
    require(journal_line(again.records[i]) == journal_line(journal.records[i]),
            "what is read is what was written");
  }
  const auto runs = journal_runs(journal, "boot", false);
  for (const auto& run : runs) {
    for (const auto step : run.open_steps) {
      require(step < run.steps.size(), "an open step is one of the run's");
    }
  }
  unfinished_runs(runs);
}

}  // namespace vmleak::fuzz
