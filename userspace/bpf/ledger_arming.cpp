// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_arming.h"

#include <algorithm>
#include <cerrno>

#include "attach/ledger_families.h"

namespace vmleak {
namespace {

constexpr std::string_view kSeedFamily = "ledger/seed";

// Its programs know the text of KVM and VFIO: a module that is loaded later is
// not among it.
std::vector<std::uint64_t> told(std::string_view family, const LedgerKernel& kernel) {
  std::vector<std::uint64_t> addresses;
  if (family != kOutsideFamily) return addresses;
  for (const auto& [start, end] : kernel.known_text) {
    addresses.push_back(start);
    addresses.push_back(end);
  }
  return addresses;
}

}  // namespace

Status check_plan(const AttachPlan& plan) {
  const auto missing = std::find_if(plan.rows.begin(), plan.rows.end(), [](const Family& row) {
    return row.state == FamilyState::kMissing;
  });
  if (!plan.attach.empty() || missing == plan.rows.end()) return {};
  return Error{fmt::format("attach the ledger: this kernel takes none of its hooks, e.g. {}: {}",
                           missing->name, missing->lost_without),
               ENOTSUP};
}

std::vector<ArmedFamily> armed_families(const AttachPlan& plan, const LedgerKernel& kernel) {
  std::vector<ArmedFamily> families;
  for (const auto& row : plan.rows) {
    ArmedFamily armed{row, {}, {}, {}};
    const auto planned =
        std::find_if(plan.attach.begin(), plan.attach.end(),
                     [&](const PlannedFamily& it) { return it.family->name == row.name; });
    if (planned != plan.attach.end()) {
      armed.told = told(row.name, kernel);
      for (const auto program : planned->programs) {
        armed.programs.emplace_back(program);
        const auto found = kernel.functions.find(program_target(program).function);
        if (found != kernel.functions.end()) armed.functions[found->first] = found->second.place;
      }
    }
    families.push_back(std::move(armed));
  }
  return families;
}

std::vector<ArmedFamily> families_to_keep(const std::vector<ArmedFamily>& armed,
                                          const LedgerKernel& kernel) {
  std::vector<ArmedFamily> kept;
  for (const auto& family : armed) {
    if (family.row.state == FamilyState::kAttached && !family.programs.empty() &&
        family.told == told(family.row.name, kernel)) {
      kept.push_back(family);
    }
  }
  return kept;
}

ArmedFamily seed_families(const LedgerPrograms& programs, const AttachSupport& support,
                          const std::vector<ArmedFamily>& families) {
  std::vector<std::string> classes;
  for (const auto& family : families) {
    if (family.row.state != FamilyState::kAttached) continue;
    classes.insert(classes.end(), family.row.classes.begin(), family.row.classes.end());
  }
  const auto refused = support.refused_programs.find(kSeedProgram);
  const auto seeded = refused == support.refused_programs.end() ? programs.seed(classes)
                                                                : Status(Error{refused->second});
  ArmedFamily seed;
  seed.row.name = kSeedFamily;
  seed.row.state = seeded ? FamilyState::kAttached : FamilyState::kMissing;
  seed.row.program = seeded ? "iter/task_file" : "";
  seed.row.lost_without = "what was out already when the ledger was armed is not in it";
  if (!seeded) seed.row.lost_without += fmt::format(" ({})", seeded.error().message);
  return seed;
}

FunctionPlaces places(const LedgerKernel& kernel) {
  FunctionPlaces places;
  for (const auto& [name, function] : kernel.functions) places[name] = function.place;
  return places;
}

}  // namespace vmleak
