// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/siphash.h"
#include "commands/collect.h"
#include "host/helper_process.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// What walks can see with.
struct Sight {
  std::vector<Family> families;
  std::vector<Family> ledger_families;  // empty: there is no ledger to read
  std::uint64_t armed_ns = 0;           // CLOCK_REALTIME
  std::optional<Loss> ledger_loss;      // one is armed and can't be read
};

// Walks the kernel in a helper process.  The iterators take references on the
// files they visit; when everybody else closes such a file meanwhile, the last
// reference is dropped, and whatever that sets off runs, in the helper.
class Walker {
 public:
  static Result<Walker> start(const HostRoot& root, const CollectOptions& options,
                              const HashKey& key);

  // Error: why it can't walk at all.
  Result<Sight> prepare(std::chrono::milliseconds deadline,
                        const std::function<bool()>& interrupted);
  Result<Book> walk(std::chrono::milliseconds deadline, const std::function<bool()>& interrupted);

 private:
  explicit Walker(HelperProcess helper) : helper_(std::move(helper)) {}
  HelperProcess helper_;
};

}  // namespace vmleak
