// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/run.h"
#include "commands/ledger_kernel.h"
#include "fake_environment.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using vmleak::testing::FakeHost;
using Strings = std::vector<std::string>;

LedgerStatus armed() {
  LedgerStatus status;
  status.armed_since = "2026-11-25T13:38:29Z";
  status.capacity = 8;
  status.tier = Tier::kFull;
  return status;
}

class ArmTest : public ::testing::Test {
 protected:
  int run(const Strings& arguments) {
    return vmleak::run(arguments, host_.environment(), [] {});
  }
  FakeHost host_;
};

TEST_F(ArmTest, ArmsWithItsOptions) {
  host_.ledger = std::optional(armed());
  EXPECT_EQ(run({"arm", "--capacity", "262144", "--files", "--without", "fentry", "--without",
                 "ledger/irqfd", "--replace"}),
            0);
  ASSERT_EQ(host_.arming.size(), 1U);
  EXPECT_EQ(host_.arming[0].capacity, 262144U);
  EXPECT_TRUE(host_.arming[0].files);
  EXPECT_TRUE(host_.arming[0].replace);
  EXPECT_THAT(host_.arming[0].without, ElementsAre("fentry", "ledger/irqfd"));
  EXPECT_THAT(host_.out, HasSubstr("Armed in "));

  EXPECT_EQ(run({"arm"}), 0);
  EXPECT_EQ(host_.arming[1].capacity, std::nullopt);
  EXPECT_FALSE(host_.arming[1].files);
  EXPECT_FALSE(host_.arming[1].replace);
}

TEST_F(ArmTest, StatusArmsNothing) {
  EXPECT_EQ(run({"arm", "--status"}), 1);
  EXPECT_EQ(host_.out, "Nothing is armed.\n");
  host_.out.clear();
  EXPECT_EQ(run({"arm", "--status", "--format", "json"}), 1);
  EXPECT_EQ(json::parse(host_.out)["armed"], false);
  host_.out.clear();
  host_.ledger = std::optional(armed());
  EXPECT_EQ(run({"arm", "--status"}), 0);
  EXPECT_THAT(host_.out, HasSubstr("Armed since 2026-11-25T13:38:29Z."));
  EXPECT_THAT(host_.arming, IsEmpty());
}

TEST_F(ArmTest, WhatCanNotBeArmedIsOneWithTheReason) {
  host_.armed = Error{"attach the ledger: Operation not permitted"};
  EXPECT_EQ(run({"arm"}), 1);
  EXPECT_EQ(host_.out, "");
  EXPECT_THAT(host_.told, ElementsAre("vmleak: attach the ledger: Operation not permitted"));
}

TEST_F(ArmTest, DisarmIsCleanAlsoWithNothingArmed) {
  EXPECT_EQ(run({"disarm"}), 0);
  EXPECT_EQ(host_.out, "Nothing was armed.\n");
  host_.out.clear();
  host_.disarmed = Strings{"fentry__kvm_put_kvm", "ledger"};
  EXPECT_EQ(run({"disarm", "--format", "json"}), 0);
  EXPECT_EQ(json::parse(host_.out)["removed"].size(), 2U);
  host_.disarmed = Error{"disarm: still there: map ledger"};
  EXPECT_EQ(run({"disarm"}), 1);
}

TEST_F(ArmTest, WrongUsageArmsNothing) {
  for (const auto& arguments :
       {Strings{"arm", "gpu-07"}, Strings{"arm", "--capacity", "7"},
        Strings{"arm", "--capacity", "-8"}, Strings{"arm", "--capacity", "8k"},
        Strings{"arm", "--capacity", "99999999999"}, Strings{"arm", "--without", "vm_list"},
        Strings{"arm", "--status", "--replace"}, Strings{"arm", "--format", "ndjson"},
        Strings{"disarm", "x"}}) {
    EXPECT_EQ(run(arguments), 2) << ::testing::PrintToString(arguments);
  }
  EXPECT_THAT(host_.arming, IsEmpty());
  EXPECT_THAT(host_.told.front(), HasSubstr("see \"vmleak arm --help\""));
}

constexpr std::string_view kKallsyms =
    "ffffffff81000000 T __fput\n"
    "ffffffff81000400 T __anon_inode_getfile\n"
    "ffffffff81000500 t after\n"
    "ffffffffc0a81000 t kvm_vm_release\t[kvm]\n"
    "ffffffffc0a81080 t irqfd_shutdown\t[kvm]\n"
    "ffffffffc0a82010 t last_of_kvm\t[kvm]\n"
    "ffffffffc0b00000 t irqfd_shutdown\t[xen_privcmd]\n"
    "ffffffffc0c00010 t vfio_fops_open\t[vfio]\n";

TEST(LedgerKernel, KnowsFunctionsTheirModulesAndTheirText) {
  HostTree tree;
  tree.file("/proc/kallsyms", kKallsyms);
  const auto kernel = read_ledger_kernel(tree.root());
  ASSERT_TRUE(kernel) << kernel.error().message;
  const auto& functions = kernel->functions;
  ASSERT_TRUE(functions.contains("__anon_inode_getfile"));
  EXPECT_EQ(functions.at("__anon_inode_getfile").end, 0xffffffff81000500U);
  EXPECT_EQ(functions.at("kvm_vm_release").place.module, "kvm");
  EXPECT_EQ(functions.at("irqfd_shutdown").symbols, 2U) << "of two modules";
  EXPECT_FALSE(functions.contains("vfio_fops_release"));
  EXPECT_THAT(kernel->known_text, ElementsAre(Pair(0xffffffffc0a81000U, 0xffffffffc0a83000U),
                                              Pair(0xffffffffc0c00010U, 0xffffffffc0c01000U)));
  EXPECT_THAT(kernel->operations, ElementsAre(Pair(0xffffffffc0a81000U, VMLEAK_FILE_KVM_VM)));
}

TEST(LedgerKernel, OfABuiltInKvmItKnowsWhatLiesBetweenItsFunctions) {
  HostTree tree;
  tree.file("/proc/kallsyms",
            "ffffffff81000000 t kvm_vm_release\n"
            "ffffffff81004000 T kvm_put_kvm\n"
            "ffffffff81004100 t other\n");
  const auto kernel = read_ledger_kernel(tree.root());
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_THAT(kernel->known_text, ElementsAre(Pair(0xffffffff81000000U, 0xffffffff81004100U)));
}

TEST(LedgerKernel, HiddenAddressesAreAnError) {
  HostTree tree;
  tree.file("/proc/kallsyms", "0000000000000000 T __fput\n");
  const auto kernel = read_ledger_kernel(tree.root());
  ASSERT_FALSE(kernel);
  EXPECT_THAT(kernel.error().message, HasSubstr("addresses are hidden"));
}

}  // namespace
}  // namespace vmleak
