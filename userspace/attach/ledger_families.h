// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace vmleak {

// Programs that make one side work together, e.g. the fentry that reads the
// counter before a drop and the fexit that reads it after.
struct Alternative {
  std::array<std::string_view, 2> programs;  // unused ones empty
};

// One side of a family, e.g. "take".  Alternatives are tried in order; the
// first one that the kernel accepts is used, the rest stay unloaded.
struct Side {
  std::string_view name;
  std::array<Alternative, 4> alternatives;  // best first, unused ones empty
};

// Sides that make sense only together: a family attaches whole or not at all.
struct LedgerFamily {
  std::string_view name;  // e.g. "ledger/kvm-files"
  // A function that exists when the kernel has this part at all: a kernel
  // without it loses nothing.  Empty: in every kernel.
  std::string_view part;
  std::span<const Side> sides;
  std::span<const std::string_view> classes;  // of the reference class table
  std::string_view lost_without;
};

// In the order of their importance: the last ones give way when there are more
// trampolines than are allowed.
std::span<const LedgerFamily> ledger_families();

}  // namespace vmleak
