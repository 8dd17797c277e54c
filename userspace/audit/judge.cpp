// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audit/closing.h"
#include "audit/stability.h"
#include "audit/verdict.h"

namespace vmleak {
namespace {

bool every_sample_has_closers(const AuditContext& context, const Stability& stability) {
  const auto first = context.samples.end() - static_cast<std::ptrdiff_t>(stability.samples);
  return std::all_of(first, context.samples.end(),
                     [](const Sample& sample) { return !sample.book().closing_tasks.empty(); });
}

void add_tasks(Judgement& out, std::span<const ClosingTask> tasks, std::string_view note) {
  constexpr std::size_t kShown = 8;
  for (const auto& task : tasks.first(std::min(tasks.size(), kShown))) {
    out.evidence.push_back({"closing task", describe(task) + std::string(note)});
  }
  if (tasks.size() > kShown) {
    out.evidence.push_back({"closing task", fmt::format("and {} more", tasks.size() - kShown)});
  }
}

// Tasks that are closing, when they decide; nothing when they don't.
bool closers_decide(const AuditContext& context, const Suspicion& suspicion,
                    const Stability& stability, Judgement& out) {
  const auto closers = find_closers(context, suspicion.owners, stability.samples);
  if (!closers.owners.empty()) {
    add_tasks(out, closers.owners, "");
    out.verdict = closers.unreadable ? Verdict::kInconclusive : Verdict::kReleasing;
    return true;
  }
  if (!closers.strangers.empty()) {
    add_tasks(out, closers.strangers, "; may have been passed it");
    out.verdict = Verdict::kInconclusive;
    return true;
  }
  if (suspicion.shared_counter && every_sample_has_closers(context, stability)) {
    out.evidence.push_back({"closing task", "some task was closing files in every sample"});
    out.verdict = Verdict::kInconclusive;
    return true;
  }
  return false;
}

bool losses_decide(const AuditContext& context, NodeKind kind, Judgement& out) {
  bool hidden = false;
  const auto& lost = context.now().book().losses;
  const auto stale = stale_losses(context.snapshot.coverage, lost);
  for (const auto* losses : {&lost, &stale}) {
    for (const auto* loss : losses_that_hide(*losses, kind)) {
      hidden = true;
      out.evidence.push_back({"loss", fmt::format("a holder may not have been seen: {} ({})",
                                                  loss->what, loss->count)});
    }
  }
  return hidden;
}

// The cause that this sample has about the same object, if any.
const Cause* same_cause(const Sample& sample, const Node& object) {
  const auto index = same_node(sample.graph, object);
  if (index == kNoNode) return nullptr;
  const auto found =
      std::find_if(sample.causes.begin(), sample.causes.end(), [index](const Cause& cause) {
        return std::binary_search(cause.objects.begin(), cause.objects.end(), index);
      });
  return found == sample.causes.end() ? nullptr : &*found;
}

// The same references of the same node were unexplained there, too.
bool has_kernel_root(const Sample& there, const Cause& cause, const Graph& graph,
                     const Cause::KernelRoot& root) {
  const auto node = same_node(there.graph, graph.node(root.node));
  const auto found = std::find_if(cause.kernel.begin(), cause.kernel.end(),
                                  [node](const auto& other) { return other.node == node; });
  if (node == kNoNode || found == cause.kernel.end()) return false;
  return std::all_of(root.counters.begin(), root.counters.end(), [&](const Balance* now) {
    return std::any_of(found->counters.begin(), found->counters.end(), [now](const Balance* then) {
      return then->counter == now->counter && then->value == now->value &&
             then->unaccounted == now->unaccounted;
    });
  });
}

bool has_task(const Sample& there, const std::vector<NodeIndex>& tasks, const Node& wanted) {
  const auto node = same_node(there.graph, wanted);
  return node != kNoNode && std::find(tasks.begin(), tasks.end(), node) != tasks.end();
}

bool has_unknown_user(const Sample& sample, const Cause& cause) {
  return std::any_of(cause.objects.begin(), cause.objects.end(), [&](NodeIndex object) {
    return sample.liveness.of(object) == Life::kUnknown;
  });
}

bool has_negative(const Sample& sample, const Cause& cause) {
  return std::any_of(cause.nodes.begin(), cause.nodes.end(), [&](NodeIndex node) {
    if (sample.liveness.of(node) == Life::kAlive) return false;
    const auto balances = sample.graph.balances(node);
    return std::any_of(balances.begin(), balances.end(),
                       [](const Balance& balance) { return balance.unaccounted < 0; });
  });
}

// Folds the judgements of one cause's roots into one.
class CauseJudge {
 public:
  CauseJudge(const AuditContext& context, const Cause& cause)
      : context_(context), cause_(cause), owners_(owner_pids(context.now(), cause)) {}

  Judgement run() {
    for (const auto& root : cause_.kernel) add(judge_kernel(root));
    for (const auto task : cause_.running) add(judge_running(task));
    if (!cause_.ending.empty()) add(judge_ending());
    if (cause_.kernel.empty() && cause_.running.empty()) {
      if (!cause_.maybe.empty()) add(judge_maybe());
      if (cause_.ending.empty() && !cause_.unkept.empty()) add(judge_unkept());
    }
    return std::move(total_);
  }

 private:
  const Node& node(NodeIndex index) const { return context_.now().graph.node(index); }

  void add(Judgement part) {
    total_.verdict = is_first_ ? part.verdict : worst(total_.verdict, part.verdict);
    is_first_ = false;
    for (auto& evidence : part.evidence) {
      const bool known =
          std::any_of(total_.evidence.begin(), total_.evidence.end(), [&](const Evidence& other) {
            return other.source == evidence.source && other.text == evidence.text;
          });
      if (!known) total_.evidence.push_back(std::move(evidence));
    }
  }

  // Both the books and the owner must be certain for a sure verdict.
  void doubt(Judgement& out) const {
    if (out.verdict != Verdict::kLeaked && out.verdict != Verdict::kHeld) return;
    if (has_unknown_user(context_.now(), cause_)) {
      out.verdict = Verdict::kInconclusive;
      out.evidence.push_back({"owner", "its address space can't be read: it may be in use"});
    }
    if (out.verdict == Verdict::kLeaked && has_negative(context_.now(), cause_)) {
      out.verdict = Verdict::kInconclusive;
      out.evidence.push_back({"counters", "more holders seen than references counted"});
    }
  }

  Judgement judge_kernel(const Cause::KernelRoot& root) const {
    const auto& object = node(cause_.primary);
    auto out = judge(context_,
                     Suspicion{node(root.node).kind, owners_, false, [&](const Sample& there) {
                                 const auto* cause = same_cause(there, object);
                                 return cause != nullptr &&
                                        has_kernel_root(there, *cause, context_.now().graph, root);
                               }});
    doubt(out);
    return out;
  }

  Judgement judge_running(NodeIndex task) const {
    const auto& object = node(cause_.primary);
    const auto stability = observe(context_, [&](const Sample& there) {
      const auto* cause = same_cause(there, object);
      return cause != nullptr && has_task(there, cause->running, node(task));
    });
    Judgement out{stability.settled ? Verdict::kHeld : Verdict::kInconclusive, {}};
    out.evidence.push_back({"samples", describe(stability, context_)});
    // The holder was seen; what may be hidden is a rightful user.
    if (losses_decide(context_, NodeKind::kProcess, out) || vm_may_be_hidden(out)) {
      out.verdict = Verdict::kInconclusive;
    }
    doubt(out);
    return out;
  }

  // VFIO objects may be in use by a VM that was not found.
  bool vm_may_be_hidden(Judgement& out) const {
    const bool uses_vfio =
        std::any_of(cause_.objects.begin(), cause_.objects.end(), [&](NodeIndex object) {
          const auto kind = node(object).kind;
          return kind != NodeKind::kKvm && kind != NodeKind::kMm;
        });
    if (!uses_vfio) return false;
    const auto& losses = context_.now().book().losses;
    const auto lost = std::find_if(losses.begin(), losses.end(), [](const Loss& loss) {
      return !loss.in_ledger &&
             std::find(loss.kinds.begin(), loss.kinds.end(), NodeKind::kKvm) != loss.kinds.end();
    });
    if (lost == losses.end()) return false;
    out.evidence.push_back({"loss", "a VM that uses it may not have been seen: " + lost->what});
    return true;
  }

  Judgement judge_ending() const {
    Judgement out{Verdict::kReleasing, {}};
    const auto closers = find_closers(context_, owners_, 1);
    add_tasks(out, closers.owners, "");
    return out;
  }

  static Judgement judge_maybe() {
    return {Verdict::kInconclusive,
            {{"holders", "only a task inside a system call may keep it, that can't be told"}}};
  }

  Judgement judge_unkept() const {
    const auto closers = find_closers(context_, owners_, 1);
    Judgement out{Verdict::kInconclusive, {}};
    if (!closers.owners.empty() && !closers.unreadable) out.verdict = Verdict::kReleasing;
    add_tasks(out, closers.owners, "");
    add_tasks(out, closers.strangers, "");
    if (closers.owners.empty()) {
      out.evidence.push_back({"holders", "nobody was seen to keep it or to take it down"});
    }
    return out;
  }

  const AuditContext& context_;
  const Cause& cause_;
  std::set<std::int64_t> owners_;
  Judgement total_;
  bool is_first_ = true;
};

}  // namespace

Judgement judge(const AuditContext& context, const Suspicion& suspicion) {
  // Settling begins when the object's own tasks are done.
  bool was_closing = false;
  const auto stability = observe(context, [&](const Sample& sample) {
    was_closing = has_closing_owner(sample, suspicion.owners);
    return !was_closing && suspicion.as_now(sample);
  });
  Judgement out;
  if (closers_decide(context, suspicion, stability, out)) return out;
  out.evidence.push_back({"samples", describe(stability, context)});
  if (was_closing) {
    out.evidence.push_back({"closing task", "its process was still closing a moment ago"});
  }
  const bool hidden = losses_decide(context, suspicion.kind, out);
  out.verdict = stability.settled && !hidden ? Verdict::kLeaked : Verdict::kInconclusive;
  return out;
}

Judgement judge(const AuditContext& context, const Cause& cause) {
  return CauseJudge(context, cause).run();
}

}  // namespace vmleak
