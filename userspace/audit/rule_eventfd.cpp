// SPDX-License-Identifier: Apache-2.0
// Eventfd contexts whose interrupt trigger is gone and that still are referred
// to.  They are in no list and no table: the counter says how many references
// there are, but only the ledger whose they are.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "audit/holders.h"
#include "audit/origins.h"
#include "audit/past_use.h"
#include "audit/remedies.h"
#include "audit/rules.h"
#include "audit/taker.h"
#include "audit/verdict.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

constexpr std::string_view kTrigger = "eventfd/vfio-trigger";

// All of them have to be recorded for an eventfd's books to be complete.
constexpr std::array<std::string_view, 3> kClasses{kTrigger, "eventfd/irqfd", "eventfd/ioeventfd"};

struct Outlived {
  std::int64_t references = 0;
  std::int64_t others = 0;                  // that nothing explains, not even these
  std::vector<const LedgerEntry*> entries;  // that may be these references
};

// A device that is not in the book was unregistered, and so closed.
bool is_device_closed(const Graph& graph, const LedgerEntry& entry) {
  const auto device = graph.find(entry.holder);
  if (device == kNoNode) return true;
  const auto* open = graph.balance(device, "open_count");
  return open != nullptr && open->value == 0;
}

bool should_be_gone(const Graph& graph, const LedgerEntry& entry) {
  return entry.state == EntryState::kForgotten ||
         (entry.cls == kTrigger && is_device_closed(graph, entry));
}

// References of one class: those that may be, those that should not, and those
// that the book has, which are the ledger's own where nothing else tells.
struct ClassBook {
  std::int64_t rightful = 0;
  std::int64_t outlived = 0;
  std::int64_t seen = 0;
};

Outlived outlived(const Sample& sample, NodeIndex eventfd) {
  Outlived out;
  const auto* balance = sample.graph.balance(eventfd, "kref");
  if (balance == nullptr) return out;
  std::map<std::string_view, ClassBook> classes;
  for (const auto& count : balance->classes) classes[count.cls].seen = count.references;
  std::int64_t suspects = 0;
  for (const auto* entry : sample.ledger.of(sample.graph.node(eventfd).id)) {
    if (!should_be_gone(sample.graph, *entry)) {
      classes[entry->cls].rightful += entry->references;
      continue;
    }
    out.entries.push_back(entry);
    suspects += entry->references;
    if (entry->state != EntryState::kForgotten) classes[entry->cls].outlived += entry->references;
  }
  auto excess = balance->value - balance->bound;
  for (const auto& [cls, count] : classes) {
    excess -= std::max(count.rightful, count.seen - count.outlived);
  }
  out.references = std::max<std::int64_t>(0, std::min(excess, suspects));
  out.others = std::max<std::int64_t>(0, excess - suspects);
  return out;
}

// Here the ledger decides, so it must have missed nothing.
void doubt(const AuditContext& context, const Outlived& now, Judgement& judgement) {
  if (judgement.verdict != Verdict::kLeaked) return;
  const auto say = [&](std::string why) {
    judgement.verdict = Verdict::kInconclusive;
    judgement.evidence.push_back({"ledger", std::move(why)});
  };
  if (context.snapshot.coverage.tier == Tier::kKprobe) {
    say("its hooks are kprobes, which can't count what they miss");
  }
  // Then those that seem to be left may be others of that kind as well.
  if (now.others > 0) {
    say(fmt::format("{} to it that nothing explains", count_text(now.others, "more reference")));
  }
  for (const auto cls : kClasses) {
    if (context.now().ledger.is_complete(cls)) continue;
    return say(fmt::format("not every reference of class {} is recorded", cls));
  }
}

std::string device_text(const Sample& sample, const LedgerEntry& entry) {
  const auto device = sample.graph.find(entry.holder);
  if (device == kNoNode) return "its VFIO device";
  return node_text(sample.graph, device);
}

std::optional<Owner> owner_of(const AuditContext& context, const LedgerEntry& entry,
                              std::vector<Evidence>& evidence) {
  const auto& task = entry.taken;
  if (task.pid == 0) return std::nullopt;
  const auto domain = domain_of(context, task);
  Owner owner{domain.empty() ? task.comm : domain, "", OwnerState::kGone, "ledger", task.pid};
  const auto& sample = context.now();
  const auto process = sample.liveness.process_by_pid(task.pid);
  if (process != kNoNode && sample.liveness.runs(process) && !domain.empty()) {
    owner.state = OwnerState::kRunning;
  }
  return named_by_records(context, owner, {}, evidence);
}

Finding make_finding(const AuditContext& context, NodeIndex eventfd, const Outlived& now) {
  const auto& sample = context.now();
  const auto& node = sample.graph.node(eventfd);
  std::set<std::int64_t> pids;
  for (const auto* entry : now.entries) pids.insert(entry->taken.pid);
  pids.erase(0);
  auto judgement = judge(context, {NodeKind::kEventfd, pids, false, [&](const Sample& then) {
                                     const auto there = same_node(then.graph, node);
                                     return there != kNoNode &&
                                            outlived(then, there).references == now.references;
                                   }});
  doubt(context, now, judgement);
  const auto& first = *now.entries.front();
  Finding out;
  out.verdict = judgement.verdict;
  out.object = object_ref(node);
  out.counters = counter_balances(sample, eventfd);
  out.holders.push_back({now.references, {{"kernel", "", "kernel, unknown", 0, "", ""}}});
  for (const auto* entry : now.entries) {
    add_origin(out.origins, origin_of(context, *entry, now.references));
  }
  out.evidence = std::move(judgement.evidence);
  out.owner = owner_of(context, first, out.evidence);
  name_domains(out.origins, out.owner);
  for (const auto* entry : now.entries) {
    const auto closed = is_device_closed(sample.graph, *entry) ? "closed" : "open";
    out.evidence.push_back(
        {"ledger",
         fmt::format("{} of {}: {}, the device is {}", entry->holder_text,
                     device_text(sample, *entry),
                     entry->state == EntryState::kForgotten ? "not given back" : "out", closed)});
  }
  const auto taker = first.taken.pid == 0 ? std::string("somebody before the ledger was armed")
                                          : task_text(origin_task(context, first.taken));
  out.summary = fmt::format("{} outlives {}: {} of its {} not given back, set by {}",
                            node_text(sample.graph, eventfd), device_text(sample, first),
                            count_text(now.references, "reference"),
                            first.holder_text.empty() ? "trigger" : first.holder_text, taker);
  out.impact.text = "its memory stays until the next reboot";
  out.remedies.push_back(advise_reboot("the eventfd"));
  return out;
}

}  // namespace

std::vector<Finding> find_outlived_eventfds(const AuditContext& context,
                                            std::span<const Finding> /*others*/) {
  std::vector<Finding> findings;
  const auto& graph = context.now().graph;
  if (context.now().ledger.book() == nullptr) return findings;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != NodeKind::kEventfd) continue;
    const auto now = outlived(context.now(), i);
    if (now.references > 0) findings.push_back(make_finding(context, i, now));
  }
  return findings;
}

}  // namespace vmleak
