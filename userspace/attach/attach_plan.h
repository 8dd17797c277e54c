// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attach/ledger_families.h"
#include "model/snapshot.h"

namespace vmleak {

// Kernel functions that may have a trampoline of ours at the same time.
inline constexpr std::size_t kMaxTrampolines = 40;

// What is known of one function of the kernel.
struct FunctionSupport {
  std::string module;      // empty: the kernel itself
  bool has_types = false;  // BTF describes it
  unsigned symbols = 1;    // functions of that name
};

// What a kernel, running or read from its files, accepts.
struct AttachSupport {
  // Of ledger_functions(), those that exist.
  std::map<std::string, FunctionSupport, std::less<>> functions;
  // Why programs of a kind can't be used: "fentry" (fexit too), "kprobe" (kretprobe too).
  std::map<std::string, std::string, std::less<>> refused_kinds;
  // Why one program can't be used, by its name: the verifier's last words.
  std::map<std::string, std::string, std::less<>> refused_programs;
  // Why one family was not attached although its programs were loaded.
  std::map<std::string, std::string, std::less<>> failed_families;
  std::vector<std::string> without;  // "fentry", "kprobe", families: switched off by the user
  bool files = false;                // the families that have to be asked for
  bool dma = false;
  // Attached already, and so are families that use only these.
  std::set<std::string, std::less<>> running;
};

// A family that can be attached whole.
struct PlannedFamily {
  const LedgerFamily* family = nullptr;
  std::vector<std::string_view> programs;  // all it needs, in the order of its sides
};

struct AttachPlan {
  std::vector<PlannedFamily> attach;
  std::vector<Family> rows;           // what is attached, missing or off, and why
  std::vector<std::string> programs;  // to be loaded: each once, without what runs already
  std::size_t trampolines = 0;        // with those of programs that run already
};

// Chooses programs for each family, whole or not at all, in the order of the
// table.  A family whose part of the kernel is not there has no row.
AttachPlan plan_attach(std::span<const LedgerFamily> families, const AttachSupport& support,
                       std::size_t max_trampolines = kMaxTrampolines);

// Whether a program sits in a trampoline: fentry and fexit.
bool is_trampoline(std::string_view program);

// kFull when every attached family has its best programs, kKprobe when one has
// a kprobe, kSnapshot when none is attached.
Tier ledger_tier(const std::vector<Family>& rows);

}  // namespace vmleak
