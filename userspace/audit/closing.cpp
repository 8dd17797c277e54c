// SPDX-License-Identifier: Apache-2.0
#include "audit/closing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vmleak {
namespace {

constexpr std::array<std::pair<ClosingReason, std::string_view>, 6> kDoing{{
    {ClosingReason::kTaskWork, "puts files"},
    {ClosingReason::kExitMmap, "takes down an address space"},
    {ClosingReason::kDestroyVm, "destroys a VM"},
    {ClosingReason::kExiting, "exits"},
    {ClosingReason::kCoreDump, "dumps core"},
    {ClosingReason::kUnknown, "runs in the kernel, its stack can't be read"},
}};

bool is_owner(const ClosingTask& task, const std::set<std::int64_t>& pids) {
  return pids.contains(task.pid) || pids.contains(task.tid);
}

bool was_closing(const Sample& sample, const ClosingTask& task) {
  const auto& tasks = sample.book().closing_tasks;
  return std::any_of(tasks.begin(), tasks.end(), [&](const ClosingTask& other) {
    return other.tid == task.tid && other.pid == task.pid;
  });
}

}  // namespace

Closers find_closers(const AuditContext& context, const std::set<std::int64_t>& pids,
                     std::size_t samples) {
  Closers out;
  const auto unchanged =
      std::span(context.samples).last(std::clamp<std::size_t>(samples, 1, context.samples.size()));
  bool readable = false;
  for (const auto& task : context.now().book().closing_tasks) {
    const bool mine = is_owner(task, pids);
    if (!mine && !std::all_of(unchanged.begin(), unchanged.end(),
                              [&](const Sample& sample) { return was_closing(sample, task); })) {
      continue;
    }
    // A kernel thread puts files for anybody.
    const bool may_own = mine || pids.empty() || task.kernel_thread;
    if (!may_own) {
      out.strangers.push_back(task);
      continue;
    }
    out.owners.push_back(task);
    readable = readable || task.reason != ClosingReason::kUnknown;
  }
  out.unreadable = !out.owners.empty() && !readable;
  return out;
}

bool has_closing_owner(const Sample& sample, const std::set<std::int64_t>& pids) {
  const auto& tasks = sample.book().closing_tasks;
  return std::any_of(tasks.begin(), tasks.end(),
                     [&](const ClosingTask& task) { return is_owner(task, pids); });
}

std::set<std::int64_t> owner_pids(const Sample& sample, const Cause& cause) {
  std::set<std::int64_t> pids;
  for (const auto index : cause.nodes) {
    const auto& node = sample.graph.node(index);
    if (node.kind == NodeKind::kKvm) pids.insert(facts_of<KvmFacts>(node).creator_pid);
    if (node.kind == NodeKind::kMm) pids.insert(facts_of<MmFacts>(node).owner_pid);
    for (const auto& user : facts_of<VfioContainerFacts>(node).dma_users) pids.insert(user.pid);
  }
  for (const auto* tasks : {&cause.running, &cause.ending, &cause.maybe}) {
    for (const auto task : *tasks) {
      pids.insert(facts_of<ProcessFacts>(sample.graph.node(task)).pid);
    }
  }
  pids.erase(0);
  return pids;
}

std::string describe(const ClosingTask& task) {
  const auto* doing = std::find_if(kDoing.begin(), kDoing.end(),
                                   [&](const auto& row) { return row.first == task.reason; });
  auto text = task.kernel_thread || task.tid == task.pid
                  ? fmt::format("{} {}", task.comm, task.tid)
                  : fmt::format("task {} of {} {}", task.tid, task.comm, task.pid);
  if (!task.state.empty()) text += fmt::format(" ({})", task.state);
  if (doing != kDoing.end()) text += fmt::format(" {}", doing->second);
  if (!task.stack.empty()) text += fmt::format(": {}", fmt::join(task.stack, " < "));
  return text;
}

}  // namespace vmleak
