// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// Gets and puts without a token.
inline constexpr std::string_view kOutsideFamily = "ledger/outside";
// Families that are attached only when somebody asks for them.
inline constexpr std::string_view kFilesFamily = "ledger/files";
inline constexpr std::string_view kDmaFamily = "ledger/dma";

// In the order of their importance: the last ones give way when there are more
// trampolines than are allowed.
std::span<const LedgerFamily> ledger_families();

// What a program's name says: "fexit__kvm_destroy_vm".
struct ProgramTarget {
  std::string_view kind;      // "fentry", "fexit", "kprobe", "kretprobe"
  std::string_view function;  // of the kernel
};
ProgramTarget program_target(std::string_view program);

// The programs of a family, of all alternatives, each once.
std::vector<std::string_view> programs_of(const LedgerFamily& family);

// Every function of the kernel that a program is made for or that says whether
// a family's part exists; each once, sorted.
std::vector<std::string> ledger_functions();

}  // namespace vmleak
