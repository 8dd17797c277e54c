// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "bpf/ledger.h"
#include "host/host_root.h"

namespace vmleak {

// Where the functions are that the ledger hooks.  Error when kallsyms hides
// addresses.
Result<LedgerKernel> read_ledger_kernel(const HostRoot& root);

}  // namespace vmleak
