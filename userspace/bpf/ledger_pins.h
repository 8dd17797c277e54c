// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpf/ledger_parts.h"

namespace vmleak {

// Only one process at a time changes what is pinned.
class PinLock {
 public:
  // Makes the directory of the BPF file system that all pins are in.  Error:
  // another vmleak arms or disarms right now.
  static Result<PinLock> take();

 private:
  explicit PinLock(FileDescriptor directory) : directory_(std::move(directory)) {}
  FileDescriptor directory_;
};

// Versions of the ledgers that are pinned, e.g. "1"; empty when none is.
Result<std::vector<std::string>> armed_versions();

// Pins everything, or nothing: what a killed predecessor has left is removed,
// and what appears under its name is complete.  Error EEXIST: one is armed.
Status pin_ledger(const LedgerParts& parts, const PinLock& lock);

// What is pinned by this version; nothing when there is none.
Result<std::optional<LedgerParts>> open_pinned();

// Adds links to what is pinned, and takes away those of `gone`.
Status pin_links(const std::vector<LedgerLink>& links, const PinLock& lock);
Status unpin_links(const std::vector<std::string>& gone, const PinLock& lock);

// Removes all pins, of every version, and waits until the kernel has let go of
// what they kept.  Returns the names of the pins.
Result<std::vector<std::string>> remove_pins();

}  // namespace vmleak
