// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmleak {

// What /proc/PID/stat and /proc/PID/task/TID/stat say about one task.
struct TaskStat {
  std::int64_t tid = 0;
  std::string comm;  // any bytes but NUL, also spaces, parentheses and newlines
  char state = '?';
  std::uint32_t flags = 0;  // task_struct.flags: PF_*
  std::int64_t threads = 0;
  std::uint64_t start_ticks = 0;  // since boot, in units of sysconf(_SC_CLK_TCK)
};

inline constexpr std::uint32_t kPfExiting = 0x4;         // since Linux 2.6.0
inline constexpr std::uint32_t kPfKthread = 0x00200000;  // since Linux 2.6.27

std::optional<TaskStat> parse_task_stat(std::string_view text);

// The part of /proc/PID/status that stat does not have.
struct TaskStatus {
  std::int64_t thread_group = 0;  // Tgid
  bool core_dumping = false;      // CoreDumping, since Linux 4.15
};

TaskStatus parse_task_status(std::string_view text);

// Of two task states the one that says more about why a process is still there.
char more_telling_state(char a, char b);

// Neither zombie nor dead.
bool is_live_state(char state);

}  // namespace vmleak
