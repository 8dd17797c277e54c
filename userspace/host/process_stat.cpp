// SPDX-License-Identifier: Apache-2.0
#include "host/process_stat.h"

#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

// Positions in stat behind "(comm) ", where proc(5) counts from 3.
constexpr std::size_t kState = 0;
constexpr std::size_t kFlags = 6;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kStartTime = 19;

// Best first: what hangs, what runs, what sleeps; the dead last.
constexpr std::string_view kStateOrder = "DRStTPIKWZXx";

}  // namespace

std::optional<TaskStat> parse_task_stat(std::string_view text) {
  // comm may contain anything, the fields behind it no parenthesis.
  const auto comm_begin = text.find('(');
  const auto comm_end = text.rfind(')');
  if (comm_begin == std::string_view::npos || comm_end == std::string_view::npos ||
      comm_end < comm_begin) {
    return std::nullopt;
  }
  const auto tid = to_number<std::int64_t>(trim(text.substr(0, comm_begin)));
  if (!tid) return std::nullopt;
  TaskStat stat;
  stat.tid = *tid;
  stat.comm = text.substr(comm_begin + 1, comm_end - comm_begin - 1);

  std::array<std::string_view, kStartTime + 1> fields;
  auto rest = text.substr(comm_end + 1);
  for (auto& field : fields) field = next_word(rest);
  const auto flags = to_number<std::uint32_t>(fields[kFlags]);
  const auto threads = to_number<std::int64_t>(fields[kThreads]);
  const auto start = to_number<std::uint64_t>(fields[kStartTime]);
  if (fields[kState].size() != 1 || !flags || !threads || !start) return std::nullopt;
  stat.state = fields[kState].front();
  stat.flags = *flags;
  stat.threads = *threads;
  stat.start_ticks = *start;
  return stat;
}

TaskStatus parse_task_status(std::string_view text) {
  TaskStatus status;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    const auto key = next_part(line, ':');
    const auto value = trim(line);
    if (key == "Tgid") status.thread_group = to_number<std::int64_t>(value).value_or(0);
    if (key == "CoreDumping") status.core_dumping = value == "1";
  }
  return status;
}

char more_telling_state(char a, char b) {
  // A state that is not in the list ranks first: it is news.
  const auto rank = [](char state) { return kStateOrder.find(state) + 1; };
  return rank(b) < rank(a) ? b : a;
}

bool is_live_state(char state) { return state != 'Z' && state != 'X' && state != 'x'; }

}  // namespace vmleak
