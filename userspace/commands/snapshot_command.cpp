// SPDX-License-Identifier: Apache-2.0
#include "commands/snapshot_command.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "commands/output_file.h"
#include "model/snapshot_json.h"
#include "report/redact.h"

namespace vmleak {

Result<ExitCode> run_snapshot(const SnapshotCommand& command, const Environment& environment) {
  // First, so that a mistyped directory is known before the walk, not after it.
  std::optional<OutputFile> file;
  if (!command.output.empty() && command.output != "-") {
    auto opened = OutputFile::open(command.output);
    if (!opened) return opened.error();
    file.emplace(std::move(*opened));
  }
  auto snapshot = load_snapshot(command.source, {}, environment);
  if (!snapshot) return snapshot.error();
  if (command.redact) *snapshot = redact(std::move(*snapshot));
  // Names may hold bytes that are not UTF-8.
  const auto text =
      snapshot_to_json(*snapshot).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
      "\n";
  if (auto written = file ? file->replace(text) : environment.write(text); !written) {
    return written.error();
  }
  return kExitClean;
}

}  // namespace vmleak
