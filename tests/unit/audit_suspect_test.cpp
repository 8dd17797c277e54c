// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "book_fixture.h"

namespace vmleak {
namespace {

using testing::settled;
using testing::TestHost;

TEST(Suspects, AreNotOnACleanHost) {
  TestHost host;
  EXPECT_FALSE(has_suspects(settled(host.book())));
  host.vm_with_device(4711, 42);
  host.vm(4712);
  host.idle_device(43, "0000:8b:00.0");
  host.modules();
  EXPECT_FALSE(has_suspects(settled(host.book())));
}

TEST(Suspects, AreNotUnexplainedReferencesOfAVmThatRuns) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.unexplained(vm.kvm, "users_count", 1);
  host.unexplained(vm.mm, "mm_users", 1);
  host.unexplained(vm.group_file, "f_count", 1);
  host.unexplained(vm.mm, "mm_users", -1);
  EXPECT_FALSE(has_suspects(settled(host.book())));
}

TEST(Suspects, AreReferencesOfAVmThatIsGone) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", 1);
  host.dies(4711);
  EXPECT_TRUE(has_suspects(settled(host.book())));
}

TEST(Suspects, AreObjectsThatAProcessKeeps) {
  TestHost host;
  const auto vm = host.vm_with_device(4711, 42);
  host.fd(host.process(900, "thief"), vm.container_file);
  host.dies(4711);
  EXPECT_TRUE(has_suspects(settled(host.book())));
}

TEST(Suspects, AreExitingAndDyingVms) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.exits(4711);
  EXPECT_TRUE(has_suspects(settled(host.book())));
  TestHost other;
  const auto dying = other.vm(4711);
  other.facts<KvmFacts>(dying.kvm).dying = true;
  other.dies(4711);
  EXPECT_TRUE(has_suspects(settled(other.book())));
}

TEST(Suspects, AreReferencesOfModulesAndIommuGroups) {
  TestHost host;
  const auto idle = host.idle_device(42, "0000:8a:00.0");
  host.modules();
  host.unexplained("module:vfio", "refcount", 1);
  EXPECT_TRUE(has_suspects(settled(host.book())));
  host.unexplained("module:vfio", "refcount", 0);
  EXPECT_FALSE(has_suspects(settled(host.book())));
  host.unexplained(idle.iommu_group, "devices_kobj", 1);
  EXPECT_TRUE(has_suspects(settled(host.book())));
}

TEST(Suspects, AreCountersBelowTheirHolders) {
  TestHost host;
  const auto vm = host.vm(4711);
  host.unexplained(vm.kvm, "users_count", -1);
  EXPECT_TRUE(has_suspects(settled(host.book())));
}

}  // namespace
}  // namespace vmleak
