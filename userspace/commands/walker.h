// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/siphash.h"
#include "commands/collect.h"
#include "host/helper_process.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// Walks the kernel in a helper process.  The iterators take references on the
// files they visit; when everybody else closes such a file meanwhile, the last
// reference is dropped, and whatever that sets off runs, in the helper.
class Walker {
 public:
  static Result<Walker> start(const HostRoot& root, const CollectOptions& options,
                              const HashKey& key);

  // What the helper can see with.  Error: why it can't walk at all.
  Result<std::vector<Family>> prepare(std::chrono::milliseconds deadline,
                                      const std::function<bool()>& interrupted);
  Result<Book> walk(std::chrono::milliseconds deadline, const std::function<bool()>& interrupted);

 private:
  explicit Walker(HelperProcess helper) : helper_(std::move(helper)) {}
  HelperProcess helper_;
};

}  // namespace vmleak
