// SPDX-License-Identifier: Apache-2.0

// After the last test: nothing that the scenarios provoked is left.

#include <gtest/gtest.h>

#include "support/audit.h"
#include "support/kernel_bug.h"
#include "support/lockdown.h"

namespace vmleak::scenarios {
namespace {

class HostIsCleanAgain : public testing::Environment {
 public:
  void TearDown() override {
    // There it can't be seen, see lockdown_test.cpp.
    if (lockdown_mode() == "confidentiality") return;
    // What they leave stays.
    if (has_bugs()) return;
    EXPECT_TRUE(is_clean(run_audit()));
  }
};

// GoogleTest owns it.
const auto* const kRegistered = testing::AddGlobalTestEnvironment(new HostIsCleanAgain);

}  // namespace
}  // namespace vmleak::scenarios
