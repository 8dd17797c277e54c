// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attach/ledger_families.h"
#include "bpf/ledger_records.h"
#include "model/ledger.h"
#include "model/snapshot.h"

namespace vmleak {

// What a ledger's addresses are in the book and in words.
struct LedgerNames {
  std::function<NodeId(std::uint64_t)> id_of;  // empty: not in the book
  // Who holds an entry's reference; empty: not in the book.
  std::function<NodeId(const vmleak_ledger_key&, const vmleak_ledger_entry&)> holder_of;
  std::function<NodeId(std::uint64_t)> container_of;  // of a struct vfio_iommu
  // Whether a task still is in the removal of a device, by its thread id.
  std::function<bool(std::uint32_t)> removes_device;
  // "name [module]" of the kernel function at an address.
  std::function<std::string(std::uint64_t)> describe_function;
  std::int64_t boot_to_real_ns = 0;  // CLOCK_REALTIME - CLOCK_BOOTTIME
  std::span<const LedgerFamily> families;
};

// What the ledger says about the objects in the book.  Pure.
LedgerBook build_ledger_book(const LedgerRecords& records, const LedgerNames& names);

// What the ledger could not keep.  Pure.
std::vector<Loss> ledger_losses(const LedgerRecords& records,
                                std::span<const LedgerFamily> families);

// Function names of a stack, innermost first, without what the tracing itself
// put on it.
std::vector<std::string> kernel_frames(std::vector<std::string> frames);

}  // namespace vmleak
