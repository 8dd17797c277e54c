// SPDX-License-Identifier: Apache-2.0

// What Secure Boot takes away.  There is no way back from lockdown, so these
// are the last tests; GoogleTest runs those with parameters after all others.

#include "support/lockdown.h"

#include <gtest/gtest.h>

#include "support/actors.h"
#include "support/audit.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

struct Mode {
  const char* name;
  const char* tier;
  const char* verdict;  // on a VM that somebody else holds
  int exit_code;
  const char* said;
};

std::ostream& operator<<(std::ostream& stream, const Mode& mode) { return stream << mode.name; }

class Lockdown : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override { REQUIRE_LAB("lockdown can't be taken back"); }
};

TEST_P(Lockdown, HeldVmIn) {
  const auto& mode = GetParam();
  const auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), vmm->value());
  vmm->kill();
  raise_lockdown(mode.name);
  const auto audit = run_audit();
  EXPECT_EQ(audit.document.at("coverage").at("tier"), mode.tier) << audit;
  EXPECT_EQ(audit.verdict(), mode.verdict) << audit;
  EXPECT_EQ(audit.run.exit_code, mode.exit_code) << audit;
  EXPECT_NE(audit.run.out.find(mode.said), std::string::npos) << audit;
}

INSTANTIATE_TEST_SUITE_P(Modes, Lockdown,
                         testing::Values(Mode{"integrity", "snapshot", "held", 3, "holder"},
                                         Mode{"confidentiality", "proc", "inconclusive", 4,
                                              "locked down"}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace vmleak::scenarios
