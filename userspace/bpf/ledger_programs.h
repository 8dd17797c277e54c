// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "bpf/function_types.h"
#include "bpf/ledger.h"
#include "bpf/ledger_parts.h"

namespace vmleak {

// The programs of bpf/ledger that a kernel gets, loaded.  What they are
// attached to outlives them as LedgerParts.
class LedgerPrograms {
 public:
  // Plans and loads.  A program that the verifier refuses is noted in
  // `support`, and it plans again without it.  With `maps`, an armed ledger's,
  // the programs use these.
  static Result<LedgerPrograms> load(const LedgerOptions& options, const LedgerKernel& kernel,
                                     const FunctionTypes& types, AttachSupport& support,
                                     const LedgerMaps* maps);

  LedgerPrograms(LedgerPrograms&&) noexcept;
  LedgerPrograms& operator=(LedgerPrograms&&) noexcept;
  LedgerPrograms(const LedgerPrograms&) = delete;
  LedgerPrograms& operator=(const LedgerPrograms&) = delete;
  ~LedgerPrograms();

  [[nodiscard]] const AttachPlan& plan() const;
  // Descriptors of its maps of their own.
  [[nodiscard]] Result<LedgerMaps> maps() const;

  // Attaches the plan's families one after the other.  One that fails is
  // detached whole and noted in `support`; Error: past the deadline, all are
  // detached.
  Result<std::vector<LedgerLink>> attach(AttachSupport& support,
                                         std::chrono::steady_clock::time_point deadline) const;

  // Enters what exists already of these classes (once for each time they are
  // attached).  Error when the iterator can't be used.
  [[nodiscard]] Status seed(const std::vector<std::string>& classes) const;

 private:
  struct State;
  explicit LedgerPrograms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The iterator that enters what exists already.
inline constexpr const char* kSeedProgram = "iter__seed";

}  // namespace vmleak
