// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "bpf/kernel_records.h"

namespace vmleak {

// Loaded BPF programs, of anybody, that are made for a function of a module:
// each may keep the module.
Result<std::vector<ModuleProgram>> list_module_programs();

}  // namespace vmleak
