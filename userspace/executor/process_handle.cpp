// SPDX-License-Identifier: Apache-2.0
#include "executor/process_handle.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "host/process_stat.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kTicksOff = 2;

std::uint64_t tick_ns() { return kSecond / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)); }

std::optional<TaskStat> read_stat(const HostRoot& root, const std::string& directory) {
  const auto text = root.read(directory + "/stat");
  return text ? parse_task_stat(*text) : std::nullopt;
}

bool began_at(const TaskStat& stat, std::uint64_t start_time_ns) {
  const auto began = stat.start_ticks * tick_ns();
  const auto off = began > start_time_ns ? began - start_time_ns : start_time_ns - began;
  return off <= kTicksOff * tick_ns();
}

}  // namespace

Result<std::optional<ProcessHandle>> ProcessHandle::open(const HostRoot& root, std::int64_t pid,
                                                         std::uint64_t start_time_ns) {
  // First the handle, then the look: so the look is at what the handle names.
  FileDescriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!fd) {
    if (errno == ESRCH) return std::optional<ProcessHandle>();
    return system_error(fmt::format("open process {}", pid), errno);
  }
  const auto stat = read_stat(root, fmt::format("/proc/{}", pid));
  if (!stat || !began_at(*stat, start_time_ns)) return std::optional<ProcessHandle>();
  return std::optional(ProcessHandle(std::move(fd), pid));
}

bool ProcessHandle::has_ended(std::chrono::milliseconds time) const {
  pollfd ended{fd_.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(time.count())) > 0;
}

Status ProcessHandle::send(int signal) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0) == 0 || errno == ESRCH) {
    return {};
  }
  return system_error(fmt::format("send signal {} to process {}", signal, pid_), errno);
}

std::string ProcessHandle::state(const HostRoot& root) const {
  const auto tasks = fmt::format("/proc/{}/task", pid_);
  const auto threads = root.list(tasks);
  if (!threads) return "gone";
  char state = 'X';
  std::string where;
  for (const auto& tid : *threads) {
    const auto directory = fmt::format("{}/{}", tasks, tid);
    const auto stat = read_stat(root, directory);
    if (!stat || more_telling_state(state, stat->state) == state) continue;
    state = stat->state;
    where = root.read_value(directory + "/wchan") ? *root.read_value(directory + "/wchan") : "";
  }
  auto text = fmt::format("state {}", state);
  if (!where.empty() && where != "0") text += ", in " + where;
  return text;
}

}  // namespace vmleak
