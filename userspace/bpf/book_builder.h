// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "attach/ledger_families.h"
#include "base/siphash.h"
#include "bpf/kernel_records.h"
#include "model/snapshot.h"

namespace vmleak {

struct BookOptions {
  HashKey key{};           // for ids that stand for kernel addresses
  bool addresses = false;  // keep the addresses themselves too
  // A group's file and container_users count every open device file, not
  // every open device: until v6.2, where vfio_device_assign_container exists.
  bool counts_device_files = false;
  std::string vendor_module;  // kvm_amd or kvm_intel; empty when it is built in
  // "name [module]" of the kernel function at an address.
  std::function<std::string(std::uint64_t)> describe_function;
  std::int64_t boot_to_real_ns = 0;  // CLOCK_REALTIME - CLOCK_BOOTTIME
  std::span<const LedgerFamily> ledger_families;
};

// The book that these records make: nodes, counters and references, without
// what only /proc and /sys know.  `refuted` gets the ledger's entries that it
// contradicts: forgotten, by an object whose references all have a holder.  Pure.
Book build_book(const KernelRecords& records, const BookOptions& options,
                std::vector<vmleak_ledger_key>* refuted = nullptr);

}  // namespace vmleak
