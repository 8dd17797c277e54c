// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace vmleak::scenarios {

// True inside scripts/lab, where everything a scenario needs exists.
inline bool in_lab() { return std::getenv("VMLEAK_LAB") != nullptr; }

inline bool is_missing(const std::string& path) { return ::access(path.c_str(), F_OK) != 0; }

}  // namespace vmleak::scenarios

// Skips the test on a machine that does not have the device node `path`.  In
// the lab a missing one is a failure.
#define REQUIRE_DEVICE(path)                                                  \
  do {                                                                        \
    if (::vmleak::scenarios::is_missing(path)) {                              \
      ASSERT_FALSE(::vmleak::scenarios::in_lab()) << (path) << " is missing"; \
      GTEST_SKIP() << "this machine has no " << (path);                       \
    }                                                                         \
  } while (false)

// Skips the test outside the lab.
#define REQUIRE_LAB(reason)                                       \
  do {                                                            \
    if (!::vmleak::scenarios::in_lab()) GTEST_SKIP() << (reason); \
  } while (false)
