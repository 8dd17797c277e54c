// SPDX-License-Identifier: Apache-2.0
#include "host/process.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "host/cgroup.h"
#include "host/process_stat.h"
#include "host/text.h"
#include "host/vmm_command_line.h"

namespace vmleak {
namespace {

constexpr std::size_t kCommandLineShown = 4096;

std::uint64_t to_nanoseconds(std::uint64_t ticks, std::int64_t ticks_per_second) {
  const std::uint64_t tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(ticks_per_second);
  return ticks > std::numeric_limits<std::uint64_t>::max() / tick_ns
             ? std::numeric_limits<std::uint64_t>::max()
             : ticks * tick_ns;
}

VmIdentity identify(std::string_view cmdline, const CgroupFacts& cgroup) {
  VmIdentity vm = identify_vm(split_arguments(cmdline));
  if (vm.name.empty() && !cgroup.machine.empty()) {
    vm.name = cgroup.machine;
    if (vm.source.empty()) vm.source = "cgroup";
  }
  return vm;
}

}  // namespace

std::string join_arguments(std::string_view cmdline) {
  std::size_t size = std::min(cmdline.size(), kCommandLineShown);
  // Not in the middle of a UTF-8 character.
  while (size < cmdline.size() && size > 0 &&
         (static_cast<unsigned char>(cmdline[size]) & 0xc0) == 0x80) {
    --size;
  }
  std::string joined(cmdline.substr(0, size));
  std::replace(joined.begin(), joined.end(), '\0', ' ');
  joined.erase(joined.find_last_not_of(' ') + 1);
  return joined;
}

std::optional<HostProcess> parse_process(const ProcessTexts& texts, std::int64_t ticks_per_second) {
  const auto leader = parse_task_stat(texts.stat);
  if (!leader) return std::nullopt;
  HostProcess process;
  ProcessFacts& facts = process.facts;
  facts.pid = leader->tid;
  facts.comm = leader->comm;
  facts.start_time_ns = to_nanoseconds(leader->start_ticks, ticks_per_second);
  process.kernel_thread = (leader->flags & kPfKthread) != 0;
  process.core_dumping = parse_task_status(texts.status).core_dumping;

  std::vector<TaskStat> live;
  const auto take = [&](const std::optional<TaskStat>& task) {
    if (task && is_live_state(task->state)) live.push_back(*task);
  };
  for (const auto& text : texts.thread_stats) take(parse_task_stat(text));
  if (texts.thread_stats.empty()) take(leader);
  char state = live.empty() ? leader->state : live.front().state;
  for (const auto& task : live) state = more_telling_state(state, task.state);
  facts.state = std::string(1, state);
  facts.threads = static_cast<std::int64_t>(live.size());
  facts.exiting = std::all_of(live.begin(), live.end(),
                              [](const TaskStat& task) { return (task.flags & kPfExiting) != 0; });

  const auto cgroup = parse_cgroup(texts.cgroup);
  facts.cgroup = cgroup.path;
  facts.unit = cgroup.unit;
  facts.pod = cgroup.pod;
  facts.command_line = join_arguments(texts.cmdline);
  facts.vm = identify(texts.cmdline, cgroup);
  return process;
}

}  // namespace vmleak
