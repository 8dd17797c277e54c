// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bpf/kernel_records.h"
#include "bpf/ledger.h"
#include "commands/collect.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// The ledger that walks read: the one this command attached, or the armed one.
class LedgerReader {
 public:
  static LedgerReader open(const HostRoot& root, const CollectOptions& options);

  // Empty when there is none to read.
  [[nodiscard]] std::function<Result<LedgerRecords>()> read() const;
  // Its families, with the classes they make.
  [[nodiscard]] std::vector<Family> families() const;
  // CLOCK_REALTIME; 0 when there is none.
  [[nodiscard]] std::uint64_t armed_ns() const { return armed_ns_; }
  // CLOCK_REALTIME - CLOCK_BOOTTIME, the same for all walks: one time reads the
  // same in each of them.
  [[nodiscard]] std::int64_t boot_to_real_ns() const { return boot_to_real_ns_; }
  // Why there is none to read although one is armed.
  [[nodiscard]] const std::optional<Loss>& loss() const { return loss_; }
  // What a walk found out: which entries to forget, for their objects are gone
  // or they are refuted; which files to watch.
  void tell(const KernelRecords& records, const std::vector<vmleak_ledger_key>& refuted);

 private:
  [[nodiscard]] Ledger* ledger() { return attached_ != nullptr ? attached_ : armed_ptr(); }
  [[nodiscard]] const Ledger* ledger() const {
    return attached_ != nullptr ? attached_ : (armed_ ? &*armed_ : nullptr);
  }
  [[nodiscard]] Ledger* armed_ptr() { return armed_ ? &*armed_ : nullptr; }

  Ledger* attached_ = nullptr;  // of the command
  std::optional<Ledger> armed_;
  std::uint64_t armed_ns_ = 0;
  std::int64_t boot_to_real_ns_ = 0;
  std::optional<Loss> loss_;
};

}  // namespace vmleak
