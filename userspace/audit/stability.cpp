// SPDX-License-Identifier: Apache-2.0
#include "audit/stability.h"

#include <fmt/format.h>

namespace vmleak {
namespace {

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

// Without walks of the kernel a holder may be anywhere.
bool reads_kernel(const AuditContext& context) {
  return context.snapshot.coverage.tier != Tier::kProc;
}

bool can_settle(const AuditContext& context) {
  return !context.options.no_wait && reads_kernel(context);
}

}  // namespace

NodeIndex same_node(const Graph& there, const Node& node) {
  const auto found = there.find(node.id);
  if (found == kNoNode || there.node(found).instance != node.instance) return kNoNode;
  return found;
}

Stability observe(const AuditContext& context, const std::function<bool(const Sample&)>& as_now) {
  Stability out;
  out.taken = context.samples.size();
  const auto now_ns = context.now().book().time_ns;
  for (auto i = context.samples.size(); i-- > 0;) {
    const auto& sample = context.samples[i];
    const auto then_ns = sample.book().time_ns;
    // A clock that was set back in between says nothing about the span.
    if (!as_now(sample) || then_ns > now_ns) break;
    ++out.samples;
    out.span_ns = now_ns - then_ns;
  }
  out.settled = can_settle(context) && out.samples >= kSamplesNeeded &&
                out.span_ns >= context.snapshot.settle_ns;
  return out;
}

std::string describe(const Stability& stability, const AuditContext& context) {
  const auto wanted = seconds(context.snapshot.settle_ns);
  if (stability.settled) {
    return fmt::format("the same in {} samples over {:.3g} s", stability.samples,
                       seconds(stability.span_ns));
  }
  if (!reads_kernel(context)) return "only /proc and /sys were read, holders may be hidden";
  if (context.options.no_wait) return "not waited for, so it may be on its way out";
  if (stability.samples == stability.taken) {
    return fmt::format("only {} of {} samples over {:.3g} of {:.3g} s", stability.taken,
                       kSamplesNeeded, seconds(stability.span_ns), wanted);
  }
  return fmt::format("it changed: only the last {} of {} samples agree", stability.samples,
                     stability.taken);
}

}  // namespace vmleak
