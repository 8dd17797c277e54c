// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "book_fixture.h"
#include "cli/run.h"
#include "commands/exit_code.h"
#include "fake_environment.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using vmleak::testing::FakeHost;
using vmleak::testing::settled;
using vmleak::testing::TestHost;
using Strings = std::vector<std::string>;

constexpr const char* kAddress = "0000:8a:00.0";

PciFunction gpu(std::string_view driver) {
  PciFunction function;
  function.address = kAddress;
  function.class_code = 0x030200;
  function.vendor = 0x10de;
  function.device = 0x20b0;
  function.driver = driver;
  function.native_drivers = {"nvidia"};
  function.iommu_group = 42;
  function.host_uses_known = true;
  return function;
}

Snapshot with_function(TestHost& host, std::string_view driver) {
  auto snapshot = settled(host.book());
  snapshot.coverage.tier = Tier::kSnapshot;
  snapshot.host.boot_id = "boot-1";
  snapshot.pci_functions = {gpu(driver)};
  return snapshot;
}

Snapshot idle() {
  TestHost host;
  host.idle_device(42, kAddress);
  return with_function(host, "vfio-pci");
}

Snapshot group_leaked() {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.group_file, "f_count", 1);
  host.dies(4711);
  return with_function(host, "vfio-pci");
}

Snapshot on_host_driver() {
  TestHost host;
  return with_function(host, "nvidia");
}

// The plan, the look right before it acts, the proof afterwards.
class ReleaseRunTest : public ::testing::Test {
 protected:
  int release(Strings options = {}, const Strings& first = {"--yes"}) {
    Strings arguments{"release", kAddress};
    arguments.insert(arguments.end(), first.begin(), first.end());
    arguments.insert(arguments.end(), options.begin(), options.end());
    host_.out.clear();
    return vmleak::run(arguments, host_.environment(), [] {});
  }
  int vmleak_journal() {
    host_.out.clear();
    return vmleak::run({"journal"}, host_.environment(), [] {});
  }

  FakeHost host_;
};

TEST_F(ReleaseRunTest, AnIdleDeviceIsReboundAndProved) {
  host_.snapshots = {idle(), idle(), on_host_driver()};
  EXPECT_EQ(release(), kExitClean) << host_.out;
  EXPECT_THAT(host_.hands.acted,
              ElementsAre("unbind", "expect-driver", "override", "probe", "expect-native"));
  EXPECT_THAT(host_.hands.guarded, ElementsAre(42));
  EXPECT_THAT(host_.out, HasSubstr("RELEASED"));
  const auto journal = parse_journal(host_.journal.text);
  ASSERT_FALSE(journal.records.empty());
  EXPECT_EQ(journal.records.front().event, JournalEvent::kRunStarted);
  EXPECT_EQ(journal.records.back().result, kRunReleased);
  EXPECT_EQ(vmleak_journal(), kExitClean);
  EXPECT_THAT(host_.out, HasSubstr("rebind"));
}

TEST_F(ReleaseRunTest, APlanAloneTouchesNothing) {
  host_.snapshots = {idle()};
  EXPECT_EQ(release({}, {}), kExitClean);
  EXPECT_THAT(host_.hands.acted, IsEmpty());
  EXPECT_EQ(host_.journal.text, "");
  EXPECT_THAT(host_.out, HasSubstr("Nothing was changed."));
}

TEST_F(ReleaseRunTest, TheHostsUsesAreLookedFor) {
  host_.snapshots = {idle()};
  EXPECT_EQ(release({}, {}), kExitClean);
  EXPECT_TRUE(host_.collected.front().host_uses);
  EXPECT_THAT(host_.collected.front().functions, Contains(kAddress));
}

TEST_F(ReleaseRunTest, OnlyRootChangesTheHost) {
  host_.snapshots = {idle()};
  host_.who.root = false;
  EXPECT_EQ(release(), kExitRefused);
  EXPECT_THAT(host_.collected, IsEmpty());
  EXPECT_THAT(host_.told, ElementsAre(HasSubstr("only root")));
}

TEST_F(ReleaseRunTest, FactsThatChangeBeforeTheFirstStepAreARefusal) {
  host_.snapshots = {idle(), group_leaked()};
  EXPECT_EQ(release(), kExitRefused);
  EXPECT_THAT(host_.out, HasSubstr("facts have changed"));
  EXPECT_THAT(host_.hands.acted, IsEmpty());
  EXPECT_EQ(host_.journal.text, "");
}

TEST_F(ReleaseRunTest, AnotherPlanThanTheOneAskedForIsRefused) {
  host_.snapshots = {idle()};
  EXPECT_EQ(release({"--plan", "00000000"}), kExitRefused);
  EXPECT_THAT(host_.out, HasSubstr("plan 00000000 is not what would be done now"));
  EXPECT_THAT(host_.hands.acted, IsEmpty());
}

TEST_F(ReleaseRunTest, ThePlanAskedForIsCarriedOut) {
  host_.snapshots = {idle()};
  EXPECT_EQ(release({"--format", "json"}, {}), kExitClean);
  const auto id = json::parse(host_.out)["plan"]["id"].get<std::string>();
  host_.snapshots = {idle(), idle(), on_host_driver()};
  EXPECT_EQ(release({"--plan", id}), kExitClean) << host_.out;
}

TEST_F(ReleaseRunTest, SomebodyWhoOpensTheGroupInBetweenIsARefusal) {
  host_.snapshots = {idle()};
  host_.hands.guard_result = Error{"open /dev/vfio/42: Device or resource busy", EBUSY};
  EXPECT_EQ(release(), kExitRefused);
  EXPECT_THAT(host_.out, HasSubstr("somebody uses it now"));
  EXPECT_EQ(host_.journal.text, "");
}

TEST_F(ReleaseRunTest, AGroupLeakedInTheKernelIsNotGuarded) {
  host_.snapshots = {group_leaked(), group_leaked(), idle()};
  EXPECT_EQ(release(), kExitClean) << host_.out;
  EXPECT_THAT(host_.hands.guarded, IsEmpty());
  EXPECT_THAT(host_.hands.opened, ElementsAre(kAddress)) << "its next user has to get it";
}

TEST_F(ReleaseRunTest, AnotherReleaseAtWorkIsARefusal) {
  host_.snapshots = {idle()};
  host_.journal.locked = true;
  EXPECT_EQ(release(), kExitRefused);
  EXPECT_THAT(host_.out, HasSubstr("another vmleak release"));
}

TEST_F(ReleaseRunTest, WithoutAJournalNothingIsDone) {
  host_.snapshots = {idle()};
  host_.journal.fails_at = 0;
  EXPECT_EQ(release(), kExitRefused);
  EXPECT_THAT(host_.out, HasSubstr("could not be recorded"));
  EXPECT_THAT(host_.hands.acted, IsEmpty());
}

TEST_F(ReleaseRunTest, AJournalThatFailsInTheMiddleEndsTheRun) {
  host_.snapshots = {idle(), idle(), idle()};
  host_.journal.fails_at = 3;  // the start, and the first step's two
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.hands.acted, ElementsAre("unbind"));
  EXPECT_THAT(host_.out, HasSubstr("NOT RELEASED"));
}

TEST_F(ReleaseRunTest, AStepThatBlocksIsReportedAndStaysOpen) {
  host_.snapshots = {idle(), idle(), idle()};
  host_.hands.fails = StepKind::kUnbind;
  host_.hands.failure = {
      "unbind did not answer within 30 s (state D, in vfio_unregister_group_dev)", ETIMEDOUT};
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.out, HasSubstr("NOT RELEASED"));
  EXPECT_THAT(host_.out, HasSubstr("blocked: "));
  EXPECT_THAT(host_.out, HasSubstr("vfio_unregister_group_dev"));
  EXPECT_THAT(host_.hands.acted, IsEmpty()) << "nothing follows a step that blocks";
  EXPECT_EQ(vmleak_journal(), kExitFound);
  EXPECT_THAT(host_.out, HasSubstr("--action finish --yes"));
}

TEST_F(ReleaseRunTest, AStepThatFailsAtOnceHasChangedNothing) {
  host_.snapshots = {idle(), idle(), idle()};
  host_.hands.fails = StepKind::kUnbind;
  EXPECT_EQ(release(), kExitFound);
  EXPECT_EQ(vmleak_journal(), kExitClean) << "nothing to finish";
}

TEST_F(ReleaseRunTest, AStepThatFindsOtherFactsDoesNotAct) {
  host_.snapshots = {idle(), idle(), idle()};
  host_.hands.objected = StepKind::kProbe;
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.hands.acted, Not(Contains("probe")));
  EXPECT_THAT(host_.out, HasSubstr("it is on another driver"));
}

TEST_F(ReleaseRunTest, AStepWhoseEndIsReachedIsSkipped) {
  host_.snapshots = {idle(), idle(), on_host_driver()};
  host_.hands.is_done = StepKind::kOverride;
  EXPECT_EQ(release(), kExitClean);
  EXPECT_THAT(host_.hands.acted, Not(Contains("override")));
  EXPECT_THAT(host_.out, HasSubstr("already so"));
}

TEST_F(ReleaseRunTest, StepsThatAreDoneAndDidNotHelpAreNoSuccess) {
  host_.snapshots = {idle(), idle(), idle()};
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.out, HasSubstr("NOT met: 0000:8a:00.0 is on a driver of the host"));
  EXPECT_EQ(parse_journal(host_.journal.text).records.back().result, kRunNotReleased);
}

TEST_F(ReleaseRunTest, WhatCannotBeSeenAfterwardsIsNotProved) {
  auto blind = on_host_driver();
  blind.samples.back().losses = {{"files: cut short", 1, {}}};
  host_.snapshots = {idle(), idle(), blind};
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.out, HasSubstr("NOT met: counters and holders could be read"));
}

TEST_F(ReleaseRunTest, ADeviceThatItsNextUserCannotOpenIsNotReleased) {
  host_.snapshots = {group_leaked(), group_leaked(), idle()};
  host_.hands.open_result = Error{"open /dev/vfio/42: Device or resource busy"};
  EXPECT_EQ(release(), kExitFound);
  EXPECT_THAT(host_.out, HasSubstr("NOT met: 0000:8a:00.0 can be opened by its next user"));
}

TEST_F(ReleaseRunTest, CtrlCEndsItBeforeTheNextStep) {
  host_.snapshots = {idle()};
  host_.hands.on_act = [this](const PlanStep& step) {
    if (step.kind == StepKind::kUnbind) host_.interrupted = true;
  };
  EXPECT_EQ(release(), kExitSignal);
  EXPECT_THAT(host_.hands.acted, ElementsAre("unbind"));
  EXPECT_THAT(host_.out, HasSubstr("STOPPED"));
  host_.interrupted = false;
  EXPECT_EQ(vmleak_journal(), kExitFound);
}

TEST_F(ReleaseRunTest, ARunThatWasCutIsFinished) {
  host_.snapshots = {idle()};
  host_.hands.on_act = [this](const PlanStep& step) {
    if (step.kind == StepKind::kUnbind) host_.interrupted = true;
  };
  ASSERT_EQ(release(), kExitSignal);
  host_.interrupted = false;
  host_.hands.acted.clear();
  host_.hands.on_act = [](const PlanStep& /*step*/) {};
  TestHost unbound;
  const auto cut = with_function(unbound, "");
  host_.snapshots = {cut, cut, on_host_driver()};
  EXPECT_EQ(release(), kExitClean) << host_.out;
  EXPECT_THAT(host_.hands.acted,
              ElementsAre("expect-driver", "override", "probe", "expect-native"));
  EXPECT_EQ(vmleak_journal(), kExitClean);
  EXPECT_THAT(host_.out, HasSubstr("Finished   by run"));
}

TEST_F(ReleaseRunTest, AJournalWithoutThatRunSaysSo) {
  host_.snapshots = {idle()};
  EXPECT_EQ(vmleak::run({"journal", "r7"}, host_.environment(), [] {}), kExitFailed);
  EXPECT_THAT(host_.told, ElementsAre(HasSubstr("find run \"r7\"")));
}

}  // namespace
}  // namespace vmleak
