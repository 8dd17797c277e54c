// SPDX-License-Identifier: Apache-2.0
#include "audit/verdict.h"

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

using enum NodeKind;

// From harmless to severe.
constexpr std::array kSeverity{Verdict::kClean, Verdict::kReleasing, Verdict::kInconclusive,
                               Verdict::kStale, Verdict::kHeld,      Verdict::kLeaked};

auto severity(Verdict verdict) { return std::find(kSeverity.begin(), kSeverity.end(), verdict); }

// Where a holder of a node can stand: if a walk over one of these kinds was
// not complete, an unexplained reference may just not have been seen.
struct HolderKinds {
  NodeKind kind;
  std::vector<NodeKind> holders;
};

const std::vector<HolderKinds>& holder_kinds() {
  static const std::vector<HolderKinds> table{
      {kKvm, {kOpenFile, kProcess, kMm, kVfioDevice}},
      {kOpenFile, {kProcess, kKernelThread, kMm, kIoUring, kVfioDevice, kKvm}},
      {kMm, {kProcess, kKernelThread, kOpenFile}},
      {kVfioDevice, {kOpenFile, kProcess, kMm, kDriver, kVfioGroup, kVfioContainer, kKvm}},
      {kVfioGroup, {kOpenFile, kProcess, kMm, kVfioDevice, kVfioContainer, kKvm}},
      {kVfioContainer, {kOpenFile, kProcess, kMm, kVfioGroup, kVfioDevice, kKvm}},
      {kIommuGroup, {kVfioGroup, kVfioDevice, kDriver}},
      {kModule,
       {kOpenFile, kProcess, kMm, kIoUring, kKvm, kVfioDevice, kVfioGroup, kVfioContainer,
        kDriver}},
      {kEventfd, {kOpenFile, kProcess, kVfioDevice, kKvm}},
  };
  return table;
}

bool names(const Loss& loss, NodeKind kind) {
  return loss.kinds.empty() ||
         std::find(loss.kinds.begin(), loss.kinds.end(), kind) != loss.kinds.end();
}

bool touches(const Loss& loss, NodeKind kind) {
  const auto& table = holder_kinds();
  const auto row = std::find_if(table.begin(), table.end(),
                                [kind](const auto& entry) { return entry.kind == kind; });
  return names(loss, kind) ||
         (row != table.end() && std::any_of(row->holders.begin(), row->holders.end(),
                                            [&](NodeKind holder) { return names(loss, holder); }));
}

}  // namespace

Verdict worst(Verdict a, Verdict b) { return severity(a) < severity(b) ? b : a; }

Verdict overall_verdict(std::span<const Finding> findings, std::span<const Loss> losses,
                        Tier tier) {
  auto verdict = Verdict::kClean;
  for (const auto& finding : findings) verdict = worst(verdict, finding.verdict);
  if (!losses.empty() || tier == Tier::kProc) verdict = worst(verdict, Verdict::kInconclusive);
  return verdict;
}

std::vector<const Loss*> losses_that_hide(std::span<const Loss> losses, NodeKind kind) {
  std::vector<const Loss*> out;
  for (const auto& loss : losses) {
    // Who holds an eventfd context is written in the ledger alone.
    const bool hides = loss.in_ledger ? kind == kEventfd && names(loss, kind) : touches(loss, kind);
    if (hides) out.push_back(&loss);
  }
  return out;
}

bool is_touched(std::span<const Loss> losses, NodeKind kind) {
  return std::any_of(losses.begin(), losses.end(),
                     [kind](const Loss& loss) { return touches(loss, kind); });
}

}  // namespace vmleak
