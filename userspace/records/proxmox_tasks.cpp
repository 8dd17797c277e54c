// SPDX-License-Identifier: Apache-2.0
#include "records/proxmox_tasks.h"

#include <optional>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Seconds that fit 32 bits: as Proxmox writes them.
std::optional<std::uint64_t> parse_time(std::string_view text) {
  const auto seconds = to_number<std::uint32_t>(text, 16);
  if (!seconds) return std::nullopt;
  return *seconds * kSecond;
}

std::optional<ProxmoxTask> parse_upid(std::string_view upid) {
  ProxmoxTask task;
  task.upid = upid;
  if (next_part(upid, ':') != "UPID") return std::nullopt;
  next_part(upid, ':');  // node
  next_part(upid, ':');  // pid
  next_part(upid, ':');  // its start
  const auto started = parse_time(next_part(upid, ':'));
  task.type = next_part(upid, ':');
  const auto vmid = to_number<std::uint64_t>(next_part(upid, ':'));
  if (!started || *started == 0 || !task.type.starts_with("qm") || !vmid) return std::nullopt;
  task.started_ns = *started;
  task.vmid = *vmid;
  return task;
}

}  // namespace

bool ProxmoxTask::failed() const {
  return ended_ns != 0 && status != "OK" && !status.starts_with("WARNINGS");
}

std::vector<ProxmoxTask> parse_proxmox_tasks(std::string_view text) {
  std::vector<ProxmoxTask> tasks;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    auto task = parse_upid(next_word(line));
    if (!task) continue;
    auto word = next_word(line);
    if (word == "0" || word == "1") word = next_word(line);
    task->ended_ns = parse_time(word).value_or(0);
    if (task->ended_ns != 0) task->status = trim(line);
    tasks.push_back(*std::move(task));
  }
  return tasks;
}

}  // namespace vmleak
