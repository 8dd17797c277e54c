// SPDX-License-Identifier: Apache-2.0

// Scenario 6, and the part of 11 that is about KVM: nobody that can be seen
// holds the VM of a dead VMM.

#include <gtest/gtest.h>

#include "support/actors.h"
#include "support/audit.h"
#include "support/leak_module.h"
#include "support/process_files.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

class KvmLeaked : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_LAB("only the lab may load the leak module"); }

  static void expect_one_leaked_reference(std::string_view possible_class) {
    ASSERT_TRUE(processes_with("anon_inode:kvm").empty());
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "leaked"));
    const auto* finding = audit.find("kvm", "leaked");
    ASSERT_NE(finding, nullptr) << audit;
    EXPECT_EQ(finding->unaccounted("users_count"), 1) << audit;
    EXPECT_TRUE(finding->mentions(possible_class)) << audit;
  }
};

TEST_F(KvmLeaked, ReferenceOfTheKernel) {
  const LeakModule leak;
  const auto vmm = cast_vmm();
  leak.keep_kvm(vmm->pid(), vmm->value());
  vmm->kill();
  expect_one_leaked_reference("users_count");

  leak.put_all();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmLeaked, ReferenceGivenBackInTime) {
  const LeakModule leak;
  const auto vmm = cast_vmm();
  leak.keep_kvm(vmm->pid(), vmm->value());
  leak.put_all();
  vmm->kill();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmLeaked, VmFile) {
  const LeakModule leak;
  const auto vmm = cast_vmm();
  leak.keep_file(vmm->pid(), vmm->value());
  vmm->kill();
  expect_one_leaked_reference("kvm/vm-file");

  leak.put_all();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmLeaked, VcpuFile) {
  const LeakModule leak;
  const auto vmm = cast_vmm();
  leak.keep_file(vmm->pid(), find_fd(vmm->pid(), "anon_inode:kvm-vcpu"));
  vmm->kill();
  expect_one_leaked_reference("kvm/vcpu-file");
}

TEST_F(KvmLeaked, NotWaitedFor) {
  const LeakModule leak;
  const auto vmm = cast_vmm();
  leak.keep_kvm(vmm->pid(), vmm->value());
  vmm->kill();
  const auto audit = run_audit({"--no-wait"});
  EXPECT_EQ(audit.verdict(), "inconclusive") << audit;
  EXPECT_EQ(audit.run.exit_code, 4) << audit;
}

}  // namespace
}  // namespace vmleak::scenarios
