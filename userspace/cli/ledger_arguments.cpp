// SPDX-License-Identifier: Apache-2.0
#include "cli/ledger_arguments.h"

#include <charconv>

#include "cli/option_parts.h"

namespace vmleak {
namespace {

std::uint32_t capacity(const std::string& text) {
  std::uint32_t entries = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, entries);
  if (error == std::errc{} && rest == end && entries >= kLeastCapacity &&
      entries <= kMostCapacity) {
    return entries;
  }
  throw CLI::ValidationError(
      fmt::format("\"{}\" is no number from {} to {}", text, kLeastCapacity, kMostCapacity));
}

}  // namespace

void add_arm(CLI::App& app, ArmCommand& command) {
  auto* status =
      app.add_flag("--status", command.status, "Only print what is armed, and what it has lost");
  auto* entries = add_converted(
      app, "--capacity", command.options.capacity, capacity,
      "References that may be out at the same time (default 65536); more are counted as lost", "N");
  auto* files = app.add_flag("--files", command.options.files,
                             "Record who closes watched files, at a cost for every close");
  auto* without = add_without(app, command.options.without, ledger_capability_names());
  auto* replace = app.add_flag("--replace", command.options.replace,
                               "Disarm first what is armed, of whatever version");
  for (auto* option : {entries, files, without, replace}) status->excludes(option);
  add_format(app, command.format, kDocumentFormats);
}

void add_disarm(CLI::App& app, DisarmCommand& command) {
  add_format(app, command.format, kDocumentFormats);
}

}  // namespace vmleak
