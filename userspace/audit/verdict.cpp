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
  };
  return table;
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
  const auto& table = holder_kinds();
  const auto row = std::find_if(table.begin(), table.end(),
                                [kind](const auto& entry) { return entry.kind == kind; });
  const auto touches = [&](NodeKind lost) {
    return lost == kind ||
           (row != table.end() &&
            std::find(row->holders.begin(), row->holders.end(), lost) != row->holders.end());
  };
  std::vector<const Loss*> out;
  for (const auto& loss : losses) {
    if (loss.kinds.empty() || std::any_of(loss.kinds.begin(), loss.kinds.end(), touches)) {
      out.push_back(&loss);
    }
  }
  return out;
}

}  // namespace vmleak
