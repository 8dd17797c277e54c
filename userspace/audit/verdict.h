// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <span>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// leaked > held > stale > inconclusive > releasing > clean: which of two
// verdicts decides, so that a sure problem is never hidden by an unsure one.
Verdict worst(Verdict a, Verdict b);

// The verdict of a whole report: its findings, what was not seen, and the tier.
Verdict overall_verdict(std::span<const Finding> findings, std::span<const Loss> losses, Tier tier);

// The losses that could hide a holder of a node of this kind, or its user.
std::vector<const Loss*> losses_that_hide(std::span<const Loss> losses, NodeKind kind);

// Something about nodes of this kind, or their holders, is not known: so
// nothing about them is called clean.
bool is_touched(std::span<const Loss> losses, NodeKind kind);

// A verdict and why.
struct Judgement {
  Verdict verdict = Verdict::kInconclusive;
  std::vector<Evidence> evidence;
};

// References of a node that nobody is seen to hold.
struct Suspicion {
  NodeKind kind = NodeKind::kKvm;
  std::set<std::int64_t> owners;  // PIDs the object is known to belong to
  // Many objects come and go under this counter (a module's), so that the same
  // number need not be the same references.
  bool shared_counter = false;
  std::function<bool(const Sample&)> as_now;  // shows what the present shows
};

Judgement judge(const AuditContext& context, const Suspicion& suspicion);

// All roots of a cause together.
Judgement judge(const AuditContext& context, const Cause& cause);

}  // namespace vmleak
