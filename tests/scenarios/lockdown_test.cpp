// SPDX-License-Identifier: Apache-2.0

// What Secure Boot takes away.  The second test leaves a kernel that can't be
// looked into, so these run last, or in a boot of their own.

#include "support/lockdown.h"

#include <gtest/gtest.h>

#include "support/actors.h"
#include "support/audit.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

class Lockdown : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_LAB("lockdown can't be taken back");
    vmm_ = cast_vmm();
    holder_ = cast_holder(vmm_->pid(), vmm_->value());
    vmm_->kill();
  }

  std::unique_ptr<ChildProcess> vmm_;
  std::unique_ptr<ChildProcess> holder_;
};

TEST_F(Lockdown, IntegrityTakesNothing) {
  raise_lockdown("integrity");
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "held"));
  EXPECT_EQ(audit.document.at("coverage").at("tier"), "snapshot") << audit;
}

TEST_F(Lockdown, ConfidentialityTakesTheBooks) {
  raise_lockdown("confidentiality");
  const auto audit = run_audit();
  EXPECT_EQ(audit.verdict(), "inconclusive") << audit;
  EXPECT_EQ(audit.run.exit_code, 4) << audit;
  EXPECT_EQ(audit.document.at("coverage").at("tier"), "proc") << audit;
  EXPECT_NE(audit.run.out.find("locked down"), std::string::npos) << audit;
}

}  // namespace
}  // namespace vmleak::scenarios
