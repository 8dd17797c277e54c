// SPDX-License-Identifier: Apache-2.0

// Runs last: what the scenarios provoked is gone.

#include <gtest/gtest.h>

#include "support/audit.h"

namespace vmleak::scenarios {
namespace {

TEST(Host, IsCleanAgain) { EXPECT_TRUE(is_clean(run_audit())); }

}  // namespace
}  // namespace vmleak::scenarios
