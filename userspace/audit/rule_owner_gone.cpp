// SPDX-License-Identifier: Apache-2.0
// Objects whose user is gone and that somebody or something still keeps.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "audit/closing.h"
#include "audit/holders.h"
#include "audit/impact.h"
#include "audit/origins.h"
#include "audit/owner.h"
#include "audit/past_use.h"
#include "audit/remedies.h"
#include "audit/rules.h"
#include "audit/verdict.h"
#include "audit/waiting.h"
#include "audit/wording.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

constexpr std::size_t kChainsPerFinding = 32;

std::int64_t unexplained_references(const Cause::KernelRoot& root) {
  std::int64_t most = 0;
  for (const auto* balance : root.counters) most = std::max(most, balance->unexplained());
  return most;
}

// The classes of references that may be among the unexplained ones of a
// counter: not those of which there is at most one, and that one was seen.
std::string possible_classes(const Graph& graph, NodeIndex node, const Balance& balance) {
  const auto vcpus = facts_of<KvmFacts>(graph.node(node)).vcpus;
  const auto seen = [&](std::string_view cls) -> std::int64_t {
    for (const auto& entry : balance.classes) {
      if (entry.cls == cls) return entry.references;
    }
    return 0;
  };
  std::string text;
  for (const auto& row : reference_classes()) {
    if (row.held != graph.kind(node) || row.counter != balance.counter || row.structural) continue;
    if (row.name == "kvm/vm-file" && seen(row.name) > 0) continue;
    if (row.name == "kvm/vcpu-file" && seen(row.name) >= vcpus) continue;
    text += fmt::format("{}{} (taken in {}, given back in {})", text.empty() ? "" : "; ", row.name,
                        row.taken_in, row.dropped_in);
  }
  return text;
}

std::string last_user(const std::optional<Owner>& owner) {
  return owner && !owner->name.empty() ? "; last used by " + last_user_text(*owner) : "";
}

// Through what a process keeps it: "/dev/vhost-net, fd 18".
std::string through(const Finding& finding, std::int64_t pid) {
  const auto holder =
      std::find_if(finding.holders.begin(), finding.holders.end(),
                   [pid](const auto& entry) { return entry.chain.back().pid == pid; });
  if (holder == finding.holders.end()) return "";
  const auto& chain = holder->chain;
  const auto& last = chain.back();
  if (chain.size() < 2) return last.detail.empty() ? "" : " by " + last.detail;
  const auto way = last.detail.empty() ? "" : fmt::format(", {}", last.detail);
  return fmt::format(" through {}{}", chain[chain.size() - 2].name, way);
}

class FindingMaker {
 public:
  FindingMaker(const AuditContext& context, const Cause& cause)
      : context_(context), sample_(context.now()), cause_(cause) {}

  Finding run() {
    auto judgement = judge(context_, cause_);
    Finding out;
    out.verdict = judgement.verdict;
    out.object = object_ref(sample_.graph.node(cause_.primary));
    out.impact = impact_of(sample_, cause_);
    std::vector<Evidence> records;
    out.owner = named_by_records(context_, owner_of(sample_, cause_), out.impact.devices, records);
    out.consequences = consequences_of(sample_, cause_);
    out.holders = holder_chains(sample_, cause_.primary, kChainsPerFinding);
    out.origins = origins_of(context_, cause_);
    name_domains(out.origins, out.owner);
    add_counters(out);
    out.evidence = std::move(judgement.evidence);
    for (auto& line : records) out.evidence.push_back(std::move(line));
    for (auto& line : evidence_of_drift(context_, out.origins)) {
      out.evidence.push_back(std::move(line));
    }
    add_evidence(out);
    out.remedies = advise(sample_, cause_, out.verdict);
    out.summary = summary(out);
    return out;
  }

 private:
  std::string text(NodeIndex node) const { return node_text(sample_.graph, node); }

  // The object's equations, then those of what stands between it and the roots.
  void add_counters(Finding& out) const {
    std::vector<NodeIndex> order{cause_.primary};
    std::unordered_set<NodeIndex> seen{cause_.primary};
    for (std::size_t next = 0; next < order.size() && next < kChainsPerFinding; ++next) {
      for (auto& balance : counter_balances(sample_, order[next])) {
        out.counters.push_back(std::move(balance));
      }
      for (const auto& step : steps_up(sample_.graph, sample_.liveness, order[next])) {
        if (seen.insert(step.holder).second) order.push_back(step.holder);
      }
    }
  }

  void add_evidence(Finding& out) const {
    for (const auto& root : cause_.kernel) {
      for (const auto* balance : root.counters) {
        out.evidence.push_back({"counters", fmt::format("{} {}: {} unexplained", text(root.node),
                                                        balance->counter, balance->unexplained())});
        const auto classes = possible_classes(sample_.graph, root.node, *balance);
        if (!classes.empty() && sample_.graph.kind(root.node) != NodeKind::kOpenFile) {
          out.evidence.push_back({"classes", "may be: " + classes});
        }
      }
    }
    for (const auto object : cause_.objects) add_dma_users(out, object);
    for (auto& line : evidence_of_removals(context_, out.impact.devices)) {
      out.evidence.push_back(std::move(line));
    }
    const auto& book = sample_.book();
    out.evidence.push_back(
        {"searched", fmt::format("{} files, {} mappings, unix sockets, io_uring, vhost, kvm-vfio",
                                 book.files_walked, book.mappings_walked)});
  }

  void add_dma_users(Finding& out, NodeIndex container) const {
    for (const auto& user : facts_of<VfioContainerFacts>(sample_.graph.node(container)).dma_users) {
      out.evidence.push_back(
          {"vfio_dma", fmt::format("{} {} mapped {} for DMA{}", user.comm, user.pid,
                                   bytes_text(user.bytes), user.exited ? " and has exited" : "")});
    }
  }

  std::string summary(const Finding& finding) const {
    const auto object = text(cause_.primary);
    const auto user = last_user(finding.owner);
    switch (finding.verdict) {
      case Verdict::kLeaked: {
        const auto& root = main_root();
        const auto where = root.node == cause_.primary ? "it" : "its " + text(root.node);
        return fmt::format("{} is not given back: {} to {} that nobody holds{}", object,
                           count_text(unexplained_references(root), "reference"), where, user);
      }
      case Verdict::kHeld: {
        const auto holder = cause_.running.front();
        const auto pid = facts_of<ProcessFacts>(sample_.graph.node(holder)).pid;
        return fmt::format("{}{} keeps {}{}: close it there{}", text(holder), others_text(), object,
                           through(finding, pid), user);
      }
      case Verdict::kReleasing:
        return fmt::format("{} is on its way out{}{}", object, closing_text(), user);
      default:
        return inconclusive_summary(object) + user;
    }
  }

  const Cause::KernelRoot& main_root() const {
    const auto on_object =
        std::find_if(cause_.kernel.begin(), cause_.kernel.end(),
                     [this](const Cause::KernelRoot& root) { return root.node == cause_.primary; });
    return on_object == cause_.kernel.end() ? cause_.kernel.front() : *on_object;
  }

  std::string others_text() const {
    const auto others = cause_.running.size() - 1;
    return others == 0 ? "" : fmt::format(" (and {} more)", others);
  }

  std::string closing_text() const {
    if (!cause_.ending.empty()) {
      return fmt::format(": {} is still closing it", text(cause_.ending.front()));
    }
    const auto closers = find_closers(context_, owner_pids(sample_, cause_), 1).owners;
    return closers.empty() ? "" : ": " + describe(closers.front());
  }

  std::string inconclusive_summary(const std::string& object) const {
    if (!cause_.kernel.empty()) {
      return fmt::format("{} has {} that nobody is seen to hold, which may not last", object,
                         count_text(unexplained_references(main_root()), "reference"));
    }
    if (!cause_.running.empty()) {
      return fmt::format("{} keeps {}, which may not last", text(cause_.running.front()), object);
    }
    if (!cause_.maybe.empty()) {
      return fmt::format("{} may keep {} during a system call", text(cause_.maybe.front()), object);
    }
    return fmt::format("{} is not gone, and nobody is seen to keep it", object);
  }

  const AuditContext& context_;
  const Sample& sample_;
  const Cause& cause_;
};

}  // namespace

std::vector<Finding> find_owner_gone(const AuditContext& context,
                                     std::span<const Finding> /*others*/) {
  std::vector<Finding> findings;
  for (const auto& cause : context.now().causes) {
    findings.push_back(FindingMaker(context, cause).run());
  }
  return findings;
}

}  // namespace vmleak
