// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"

namespace vmleak {

// Where a function of the kernel is.
struct FunctionPlace {
  std::uint64_t address = 0;
  std::string module;  // empty: the kernel itself
  // Inode of /sys/module/MODULE: another one for a module that was loaded anew.
  std::uint64_t module_life = 0;

  bool operator==(const FunctionPlace&) const = default;
};
using FunctionPlaces = std::map<std::string, FunctionPlace, std::less<>>;

// A family as an armed ledger has it: what another process has to know of it.
struct ArmedFamily {
  Family row;
  std::vector<std::string> programs;  // attached for it, some together with other families
  FunctionPlaces functions;           // that these are attached to, when they were attached
  std::vector<std::uint64_t> told;    // addresses that they were loaded with, if they need any
};

// As it is kept beside the ledger's maps.
std::string armed_families_to_text(std::span<const ArmedFamily> families);
Result<std::vector<ArmedFamily>> armed_families_from_text(std::string_view text);

// Families with a kprobe on a function that has moved or gone since: its module
// was unloaded, and the kprobe with it.  (A module with a trampoline can't be.)
void mark_stale(std::vector<ArmedFamily>& families, const FunctionPlaces& now);

// Programs of the attached families, each once.
std::set<std::string, std::less<>> running_programs(std::span<const ArmedFamily> families);

// Modules that can't be unloaded while these families are attached, sorted.
std::vector<std::string> kept_modules(std::span<const ArmedFamily> families);

}  // namespace vmleak
