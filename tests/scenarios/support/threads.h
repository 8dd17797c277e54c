// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace vmleak::scenarios {

// Ends the first thread of the process, which becomes a zombie, and goes on in
// another one.  What `body` uses must not lie on the caller's stack.
[[noreturn]] void outlive_leader(const std::function<void()>& body);

// Runs `body` in a thread whose descriptors are its own, and waits for it.
void run_with_own_files(const std::function<void()>& body);

}  // namespace vmleak::scenarios
