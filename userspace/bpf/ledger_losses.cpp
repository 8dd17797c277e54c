// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/ledger_book.h"
#include "bpf/ledger_classes.h"

namespace vmleak {
namespace {

using enum NodeKind;

// Kinds that a lost entry may have been about.
const std::vector<NodeKind> kHeldKinds = {kKvm, kVfioDevice, kVfioGroup, kVfioContainer,
                                          kMm,  kOpenFile,   kEventfd};

struct LostCount {
  vmleak_ledger_count count;
  std::string_view text;  // {} is the number, {1} the capacity
  const std::vector<NodeKind>* kinds;
};

const std::vector<NodeKind> kVms = {kKvm};
const std::vector<NodeKind> kFiles = {kFile};

constexpr std::array kLostCounts = std::to_array<LostCount>({
    {VMLEAK_COUNT_OVERFLOW, "the ledger was full: {0} references were not recorded (capacity {1})",
     &kHeldKinds},
    {VMLEAK_COUNT_REFUSED, "the ledger could not record {0} references: the kernel refused",
     &kHeldKinds},
    {VMLEAK_COUNT_UNREADABLE, "the ledger could not tell what {0} references are on", &kHeldKinds},
    {VMLEAK_COUNT_SUMS_LOST, "the ledger had no room for {0} callers from outside of KVM and VFIO",
     &kVms},
    {VMLEAK_COUNT_OBJECTS_LOST, "the ledger had no room to tell {0} VMs from earlier ones", &kVms},
    {VMLEAK_COUNT_CLOSES_LOST, "the ledger had no room for {0} closes of files", &kFiles},
});

// Kinds that the classes of a family hold.
std::vector<NodeKind> kinds_of(std::string_view family, std::span<const LedgerFamily> families) {
  std::vector<NodeKind> kinds;
  const auto row = std::find_if(families.begin(), families.end(),
                                [family](const auto& it) { return it.name == family; });
  if (row == families.end()) return kHeldKinds;
  for (const auto& cls : ledger_classes()) {
    const bool of_family =
        std::find(row->classes.begin(), row->classes.end(), cls.name) != row->classes.end();
    if (of_family && std::find(kinds.begin(), kinds.end(), cls.held) == kinds.end()) {
      kinds.push_back(cls.held);
    }
  }
  return kinds;
}

}  // namespace

std::vector<Loss> ledger_losses(const LedgerRecords& records,
                                std::span<const LedgerFamily> families) {
  std::vector<Loss> losses;
  const auto add = [&losses](std::string what, std::uint64_t count, std::vector<NodeKind> kinds) {
    losses.push_back({std::move(what), static_cast<std::int64_t>(count), std::move(kinds),
                      /*in_ledger=*/true});
  };
  for (const auto& row : kLostCounts) {
    const auto count = records.counts.at(row.count);
    if (count == 0) continue;
    add(fmt::format(fmt::runtime(row.text), count, records.meta.capacity), count, *row.kinds);
  }
  if (records.skipped != 0) {
    add(fmt::format("the ledger's hooks were skipped {} times", records.skipped), records.skipped,
        kHeldKinds);
  }
  for (const auto& family : records.families) {
    if (family.state != FamilyState::kStale) continue;
    add(fmt::format("{} is stale since its module was loaded anew: \"vmleak arm --replace\" arms "
                    "it again",
                    family.name),
        1, kinds_of(family.name, families));
  }
  return losses;
}

}  // namespace vmleak
