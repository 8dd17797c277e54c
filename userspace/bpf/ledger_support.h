// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attach/attach_plan.h"
#include "bpf/function_types.h"
#include "bpf/ledger.h"

namespace vmleak {

FunctionTypes read_function_types(const LedgerKernel& kernel);

// What the running kernel accepts: asks its type information about every
// function, and tries one fentry and one kprobe.
AttachSupport find_support(const LedgerOptions& options, const LedgerKernel& kernel,
                           const FunctionTypes& types);
AttachSupport find_support(const LedgerOptions& options, const LedgerKernel& kernel);

}  // namespace vmleak
