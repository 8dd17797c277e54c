// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vmleak/ledger_abi.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/snapshot.h"

namespace vmleak {

// Everything that the maps of one ledger say at one moment.
struct LedgerRecords {
  vmleak_ledger_meta meta{};
  std::vector<std::pair<vmleak_ledger_key, vmleak_ledger_entry>> entries;
  std::vector<std::pair<std::uint64_t, vmleak_ledger_object>> objects;  // by struct kvm
  std::vector<std::pair<vmleak_ledger_sum_key, vmleak_ledger_sum>> sums;
  std::vector<std::pair<std::uint64_t, vmleak_ledger_close>> closes;      // by struct inode
  std::vector<std::pair<std::uint64_t, vmleak_ledger_dma>> dma;           // by struct vfio_iommu
  std::vector<std::pair<std::uint64_t, vmleak_ledger_removal>> removals;  // by struct vfio_device
  std::array<std::uint64_t, VMLEAK_COUNTS> counts{};
  // Calls that no program saw: recursion_misses of programs, nmissed of kprobes.
  std::uint64_t skipped = 0;
  bool counts_skipped = true;    // false: there are kprobes, and this kernel does not count theirs
  std::vector<Family> families;  // as attached when it was armed, or stale since
};

}  // namespace vmleak
