// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "remedy/journal.h"
#include "report/json_parts.h"
#include "report/text.h"

namespace vmleak {

// The runs of the journal, a line each, the latest last; what is open, and the
// command that finishes it.
std::string journal_text(const std::vector<JournalRun>& runs,
                         const std::vector<std::string>& problems, const TextStyle& style);

// One run with all its steps.
std::string run_text(const JournalRun& run, const TextStyle& style);

// A "vmleak.journal/1" document.
std::string journal_json(const std::vector<JournalRun>& runs,
                         const std::vector<std::string>& problems);

// Parts of the above, for the report of a run that has just ended.
Json run_json(const JournalRun& run);
void append_run_steps(TextPage& page, const JournalRun& run);

}  // namespace vmleak
