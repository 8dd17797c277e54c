// SPDX-License-Identifier: Apache-2.0
#include "audit/taker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/wording.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// Start times are kept in clock ticks, and the boot time in seconds.
constexpr std::uint64_t kStartError = 2 * kSecond;
// Records of a run are written when it is up.
constexpr std::uint64_t kRecordDelay = 600 * kSecond;

// The process of that PID in the book was there at that time.
bool is_same_process(const AuditContext& context, const ProcessFacts& facts,
                     const LedgerTask& task) {
  const auto boot_ns = context.snapshot.host.boot_time_ns;
  if (boot_ns == 0 || facts.start_time_ns == 0) return facts.comm == task.comm;
  return boot_ns + facts.start_time_ns <= task.time_ns + kStartError;
}

const ProcessFacts* process_of(const AuditContext& context, const LedgerTask& task) {
  const auto& sample = context.now();
  const auto node = sample.liveness.process_by_pid(task.pid);
  if (node == kNoNode) return nullptr;
  const auto& facts = facts_of<ProcessFacts>(sample.graph.node(node));
  return is_same_process(context, facts, task) ? &facts : nullptr;
}

bool was_running(const PastRun& run, std::uint64_t time_ns) {
  return run.started_ns <= time_ns + kRecordDelay && (run.ended_ns == 0 || time_ns <= run.ended_ns);
}

const PastRun* run_of(const AuditContext& context, const LedgerTask& task) {
  const PastRun* best = nullptr;
  const auto boot_ns = context.snapshot.host.boot_time_ns;
  for (const auto& run : context.snapshot.management.past_runs) {
    if (run.pid != task.pid || run.started_ns < boot_ns || !was_running(run, task.time_ns)) {
      continue;
    }
    if (best == nullptr || record_rank(run.source) < record_rank(best->source)) best = &run;
  }
  return best;
}

// References that only the maker of an object has.
constexpr std::array<std::string_view, 4> kMakers{"kvm/vm-file", "vfio-container/file",
                                                  "vfio-group/file", "vfio-device/file"};

bool is_makers(const LedgerEntry& entry) {
  return std::find(kMakers.begin(), kMakers.end(), entry.cls) != kMakers.end();
}

}  // namespace

std::string domain_of(const AuditContext& context, const LedgerTask& task) {
  if (task.pid == 0) return {};
  const auto* process = process_of(context, task);
  if (process != nullptr && !process->vm.name.empty()) return process->vm.name;
  if (process != nullptr) {
    for (const auto& domain : context.snapshot.management.domains) {
      if (domain.active && domain.pid == task.pid) return domain.name;
    }
  }
  const auto* run = run_of(context, task);
  return run == nullptr ? "" : run->name;
}

OriginTask origin_task(const AuditContext& context, const LedgerTask& task) {
  return {task.pid, task.comm, domain_of(context, task),
          task.time_ns == 0 ? "" : rfc3339(task.time_ns)};
}

std::optional<Owner> owner_by_ledger(const Sample& sample, NodeIndex object) {
  const LedgerEntry* best = nullptr;
  for (const auto* entry : sample.ledger.of(sample.graph.node(object).id)) {
    if (entry->taken.pid == 0) continue;
    const bool better =
        best == nullptr || (is_makers(*entry) && !is_makers(*best)) ||
        (is_makers(*entry) == is_makers(*best) && entry->taken.time_ns < best->taken.time_ns);
    if (better) best = entry;
  }
  if (best == nullptr) return std::nullopt;
  return Owner{best->taken.comm, "", OwnerState::kGone, "ledger", best->taken.pid};
}

std::string task_text(const OriginTask& task) {
  auto text = fmt::format("{} {}", task.comm.empty() ? "process" : task.comm, task.pid);
  if (!task.domain.empty()) text += fmt::format(" ({})", task.domain);
  return text;
}

}  // namespace vmleak
