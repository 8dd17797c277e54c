// SPDX-License-Identifier: Apache-2.0
#include "audit/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "audit/closing.h"
#include "audit/context.h"
#include "audit/holders.h"
#include "audit/origins.h"
#include "audit/owner.h"
#include "audit/properties.h"
#include "audit/recorded.h"
#include "audit/verdict.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

bool is_part_of(const Finding& finding, const ObjectRef& object) {
  const auto same = [&](const auto& other) {
    return other.kind == object.kind && other.id == object.id;
  };
  if (same(finding.object)) return true;
  return std::any_of(finding.consequences.begin(), finding.consequences.end(), same) ||
         std::any_of(finding.holders.begin(), finding.holders.end(), [&](const auto& holder) {
           return std::any_of(holder.chain.begin(), holder.chain.end(), same);
         });
}

class Explainer {
 public:
  Explainer(const Snapshot& snapshot, const AuditReport& report)
      : context_(snapshot, std::span(snapshot.samples).last(1), options_),
        sample_(context_.now()),
        report_(report) {}

  Explanation run(const NodeId& id) const {
    Explanation out;
    const auto index = sample_.graph.find(id);
    if (index == kNoNode) {
      out.object = {"", std::string(local_id(id)), id};
      out.verdict = Verdict::kInconclusive;
      out.state = "not on this host";
      return out;
    }
    const auto& node = sample_.graph.node(index);
    out.object = object_ref(node);
    out.owner = owner_of(sample_, index);
    out.properties = properties_of(node);
    for (auto& row : recorded_properties(context_, index)) out.properties.push_back(std::move(row));
    out.counters = counter_balances(sample_, index);
    out.holders = holder_trees(sample_, index);
    out.origins = origins_on(context_, index);
    name_domains(out.origins, out.owner);
    add_evidence(out);
    out.closing_tasks = closing_tasks(index);
    judge_by_findings(out);
    if (out.finding_ids.empty()) judge_by_itself(out, index);
    return out;
  }

 private:
  const Node& node(NodeIndex index) const { return sample_.graph.node(index); }

  void add_evidence(Explanation& out) const {
    for (const auto& drift : report_.drift) {
      if (drift.object.kind != out.object.kind || drift.object.id != out.object.id) continue;
      out.evidence.push_back(
          {"ledger drift",
           fmt::format("class {} is not reliable on this kernel: {} recorded, {} seen, and {} is "
                       "explained by what is seen",
                       drift.cls, drift.recorded, drift.seen, drift.counter)});
    }
    const auto device = sample_.graph.find(out.object.kind + ":" + out.object.id);
    for (auto& line : recorded_removal(context_, device)) out.evidence.push_back(std::move(line));
  }

  void judge_by_findings(Explanation& out) const {
    const Finding* decides = nullptr;
    for (const auto& finding : report_.findings) {
      if (!is_part_of(finding, out.object)) continue;
      out.finding_ids.push_back(finding.id);
      if (decides == nullptr || worst(decides->verdict, finding.verdict) != decides->verdict) {
        decides = &finding;
      }
    }
    if (decides == nullptr) return;
    out.verdict = decides->verdict;
    out.state = decides->summary;
  }

  void judge_by_itself(Explanation& out, NodeIndex index) const {
    out.state = state(index);
    const bool seen_all =
        !is_touched(report_.losses, node(index).kind) && report_.coverage.tier != Tier::kProc;
    out.verdict = seen_all ? Verdict::kClean : Verdict::kInconclusive;
  }

  std::string state(NodeIndex index) const {
    const auto user = sample_.liveness.user(index);
    if (user != kNoNode) return "in use by " + process_text(node(user));
    switch (node(index).kind) {
      case NodeKind::kProcess:
        return sample_.liveness.runs(index) ? "running" : "exiting";
      case NodeKind::kKernelThread:
        return "running";
      case NodeKind::kIommuGroup:
        return facts_of<IommuGroupFacts>(node(index)).viable ? "viable" : "not viable";
      default:
        break;
    }
    std::string users;
    std::size_t more = 0;
    for (const auto& chain : holder_chains(sample_, index, kUsersLooked)) {
      if (chain.chain.empty() || chain.chain.back().pid == 0) continue;
      const auto& name = chain.chain.back().name;
      if (users.find(name) != std::string::npos) continue;
      if (more++ < kUsersShown) users += (users.empty() ? "" : ", ") + name;
    }
    if (users.empty()) return "idle: nobody uses it";
    return more > kUsersShown ? fmt::format("open in {} and {} more", users, more - kUsersShown)
                              : "open in " + users;
  }

  // Those of the processes the object belongs to.
  std::vector<ClosingTask> closing_tasks(NodeIndex index) const {
    std::vector<ClosingTask> out;
    const auto cause =
        std::find_if(sample_.causes.begin(), sample_.causes.end(), [index](const Cause& c) {
          return std::binary_search(c.nodes.begin(), c.nodes.end(), index);
        });
    std::set<std::int64_t> pids;
    if (cause != sample_.causes.end()) pids = owner_pids(sample_, *cause);
    if (const auto pid = facts_of<ProcessFacts>(node(index)).pid; pid != 0) pids.insert(pid);
    if (cause == sample_.causes.end() && pids.empty()) return out;
    for (const auto& task : sample_.book().closing_tasks) {
      const bool may_own =
          pids.empty() || task.kernel_thread || pids.contains(task.pid) || pids.contains(task.tid);
      if (may_own) out.push_back(task);
    }
    return out;
  }

  static constexpr std::size_t kUsersLooked = 64;
  static constexpr std::size_t kUsersShown = 3;

  AuditOptions options_;
  AuditContext context_;
  const Sample& sample_;
  const AuditReport& report_;
};

}  // namespace

std::vector<Explanation> explain(const Snapshot& snapshot, const AuditReport& report,
                                 const std::vector<NodeId>& targets) {
  std::vector<Explanation> out;
  if (snapshot.samples.empty()) return out;
  const Explainer explainer(snapshot, report);
  for (const auto& target : targets) out.push_back(explainer.run(target));
  return out;
}

}  // namespace vmleak
