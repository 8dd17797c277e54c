// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/pci_address.h"
#include "remedy/journal.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kBoot = "boot-1";

JournalRecord record(JournalEvent event, std::string run = "r1") {
  JournalRecord out;
  out.event = event;
  out.run = std::move(run);
  out.boot_id = kBoot;
  return out;
}

std::string started(std::string run = "r1", std::string finishes = "") {
  auto out = record(JournalEvent::kRunStarted, std::move(run));
  out.finishes = std::move(finishes);
  out.action = "remove-rescan";
  out.devices = {"0000:8a:00.0"};
  out.steps = {unbind_step("0000:8a:00.0", "vfio-pci"), expect_driver_step("0000:8a:00.0", ""),
               remove_step("0000:8a:00.0"), rescan_step("")};
  out.expected = {{"0000:8a:00.0", 0x10de, 0x20b0, "", true}};
  return journal_line(out);
}

std::string step_started(std::size_t step) {
  auto out = record(JournalEvent::kStepStarted);
  out.step = step;
  return journal_line(out);
}

std::string step_ended(std::size_t step, std::string_view result) {
  auto out = record(JournalEvent::kStepEnded);
  out.step = step;
  out.result = result;
  return journal_line(out);
}

std::string done(std::size_t step) { return step_started(step) + step_ended(step, kStepDone); }

std::string run_ended(std::string_view result, std::string run = "r1") {
  auto out = record(JournalEvent::kRunEnded, std::move(run));
  out.result = result;
  return journal_line(out);
}

std::vector<JournalRun> runs_of(const std::string& text, std::string_view boot = kBoot,
                                bool locked = false) {
  const auto journal = parse_journal(text);
  EXPECT_THAT(journal.problems, IsEmpty());
  return journal_runs(journal, boot, locked);
}

TEST(Journal, ARecordSurvivesBeingWrittenAndRead) {
  const auto read = parse_journal_line(started());
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_THAT(read->steps, SizeIs(4));
  EXPECT_EQ(read->steps[0].kind, StepKind::kUnbind);
  EXPECT_EQ(read->steps[0].value, "vfio-pci");
  EXPECT_TRUE(read->expected[0].native);
}

TEST(Journal, ATornLastLineIsSkippedAndSaid) {
  const auto text = started() + step_started(0);
  const auto journal = parse_journal(text.substr(0, text.size() - 9));
  EXPECT_THAT(journal.records, SizeIs(1));
  EXPECT_THAT(journal.problems, ElementsAre(HasSubstr("line 2 is cut short")));
}

TEST(Journal, HasWholeNumbersOnly) {
  auto line = step_started(1);
  line.replace(line.find("\"step\":1"), 8, "\"step\":1e30");
  EXPECT_THAT(parse_journal_line(line).error().message, HasSubstr("not whole"));
}

TEST(Journal, ADamagedLineDoesNotHideTheOthers) {
  const auto journal = parse_journal(started() + "{\"schema\":\"other/1\"}\n\xff\n" + done(0));
  EXPECT_THAT(journal.records, SizeIs(3));
  EXPECT_THAT(journal.problems, SizeIs(2));
}

TEST(Journal, ARunCutAfterTheRemovalHasTheScanLeft) {
  const auto runs = runs_of(started() + done(0) + done(1) + done(2));
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].cut, "cut");
  EXPECT_THAT(runs[0].open_steps, ElementsAre(3));
  const auto open = unfinished_runs(runs);
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].open_steps[0].kind, StepKind::kRescan);
}

TEST(Journal, AStepWithoutEndIsOpen) {
  EXPECT_THAT(runs_of(started() + done(0) + done(1) + step_started(2))[0].open_steps,
              ElementsAre(2, 3));
}

TEST(Journal, ABlockedStepIsOpenAlthoughTheRunHasAnEnd) {
  const auto runs = runs_of(started() + step_started(0) + step_ended(0, kStepBlocked) +
                            run_ended(kRunNotReleased));
  EXPECT_THAT(runs[0].open_steps, ElementsAre(0, 1, 2, 3));
}

TEST(Journal, NothingIsOpenWhereNothingWasChanged) {
  EXPECT_THAT(runs_of(started())[0].open_steps, IsEmpty());
  EXPECT_THAT(runs_of(started() + step_started(0) + step_ended(0, kStepFailed) +
                      run_ended(kRunNotReleased))[0]
                  .open_steps,
              IsEmpty());
}

TEST(Journal, ARestartOfTheHostLeavesNothingToFinish) {
  const auto runs = runs_of(started() + done(0), "boot-2");
  EXPECT_EQ(runs[0].cut, "cut: the host was restarted");
  EXPECT_THAT(runs[0].open_steps, IsEmpty());
}

TEST(Journal, ARunThatIsAtItIsNotCut) {
  const auto runs = runs_of(started() + done(0), kBoot, true);
  EXPECT_EQ(runs[0].cut, "running");
  EXPECT_THAT(unfinished_runs(runs), IsEmpty());
}

TEST(Journal, ALaterRunFinishesAnEarlierOne) {
  const auto runs =
      runs_of(started() + done(0) + started("r2", "r1") + run_ended(kRunReleased, "r2"));
  EXPECT_EQ(runs[0].finished_by, "r2");
  EXPECT_THAT(unfinished_runs(runs), IsEmpty());
  EXPECT_THAT(unfinished_runs(runs_of(started() + done(0) + started("r2", "r1") +
                                      run_ended(kRunNotReleased, "r2"))),
              SizeIs(1));
}

TEST(PciAddress, AcceptsOnlyAddresses) {
  EXPECT_EQ(canonical_pci_address("8a:00.0"), "0000:8a:00.0");
  EXPECT_EQ(canonical_pci_address("0000:8A:00.7"), "0000:8a:00.7");
  EXPECT_EQ(canonical_pci_address("10000:8a:00.0"), "10000:8a:00.0");
  for (const auto* wrong : {"", "..", "8a:00.8", "0000:8a:00.0/", "0000:8a:00", "0000-8a:00.0",
                            "../0:8a:00.0", "0000:8a:00.0\n", "000:8a:00.00", "gpu-07"}) {
    EXPECT_FALSE(canonical_pci_address(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace vmleak
