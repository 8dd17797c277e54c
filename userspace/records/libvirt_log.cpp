// SPDX-License-Identifier: Apache-2.0
#include "records/libvirt_log.h"

#include <optional>

#include "host/text.h"
#include "model/record_source.h"
#include "records/qemu_arguments.h"
#include "records/time.h"

namespace vmleak {
namespace {

constexpr std::string_view kStart = "starting up ";
constexpr std::string_view kEnd = "shutting down";

// "2026-01-01 01:12:38.123+0000: text"
struct Entry {
  std::uint64_t time_ns = 0;
  std::string_view text;
};

std::optional<Entry> parse_entry(std::string_view line) {
  const auto colon = line.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  const auto time = parse_libvirt_time(line.substr(0, colon));
  if (!time) return std::nullopt;
  return Entry{*time, line.substr(colon + 2)};
}

}  // namespace

std::vector<PastRun> parse_libvirt_log(std::string_view text, const std::string& name,
                                       const std::string& where) {
  std::vector<PastRun> runs;
  bool is_open = false;
  bool in_command = false;
  std::string command;
  const auto finish_command = [&] {
    if (in_command) describe_run(split_shell_words(command), runs.back());
    in_command = false;
    command.clear();
  };
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    const auto entry = parse_entry(line);
    if (entry && entry->text.starts_with(kStart)) {
      finish_command();
      if (is_open) {
        runs.back().ended_ns = entry->time_ns;
        runs.back().end_reason = "not recorded; it started again";
      }
      PastRun run;
      run.name = name;
      run.source = kLibvirtLog;
      run.where = where;
      run.started_ns = entry->time_ns;
      runs.push_back(std::move(run));
      is_open = in_command = true;
    } else if (entry && entry->text.starts_with(kEnd)) {
      finish_command();
      if (!is_open) continue;
      runs.back().ended_ns = entry->time_ns;
      runs.back().end_reason = trim(entry->text);
      is_open = false;
    } else if (in_command) {
      const bool continues = line.ends_with('\\');
      if (continues) line.remove_suffix(1);
      command += line;
      command += ' ';
      if (!continues) finish_command();
    }
  }
  finish_command();
  return runs;
}

}  // namespace vmleak
