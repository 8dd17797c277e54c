// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "base/result.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// The book that /proc and debugfs alone give: open files of VMs by their names,
// VMs by their debugfs directories.  No counter is read, so nothing in it can
// be balanced.  Runs in a helper process with `deadline`.
Result<Book> walk_proc(const HostRoot& root, std::chrono::milliseconds deadline,
                       const std::function<bool()>& interrupted);

}  // namespace vmleak
