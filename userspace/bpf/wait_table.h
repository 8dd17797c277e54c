// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/pci.h"

namespace vmleak {

// A kernel function that tells what a sleeping task waits for.
struct WaitFunction {
  std::string_view function;
  // It sleeps in a lock that this function takes itself, so it counts only as
  // the innermost function (the kernel leaves its locks out of a stack).
  bool innermost;
  KernelWait wait;
};

// All of them, the most telling first.
std::span<const WaitFunction> wait_table();

// What a task with this stack waits for; `stack` as KernelFunctions describes
// it ("name [module]"), innermost first.  Nothing: not for a device.
std::optional<KernelWait> wait_of(const std::vector<std::string>& stack);

}  // namespace vmleak
