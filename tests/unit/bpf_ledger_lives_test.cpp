// SPDX-License-Identifier: Apache-2.0
//
// Which entries of a ledger are of objects that exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "bpf/ledger_lives.h"
#include "ledger_records_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kStatsFile = 0xffff'0000'0004'2000;
constexpr std::uint64_t kGroupFile = 0xffff'0000'0004'3000;
constexpr std::uint64_t kContext = 0xffff'0000'0005'0000;
constexpr std::uint64_t kContainer = 0xffff'0000'0006'0000;
constexpr std::uint64_t kDevice = 0xffff'0000'0007'0000;

LedgerRow stats_entry() {
  return of_generation(ledger_row(VMLEAK_LEDGER_KVM_VM_STATS_FILE, kStatsFile, kVm), kGeneration);
}

// A stats file that somebody inside the kernel keeps: only the ledger led to it.
KernelRecords walked_stats_file() {
  KernelRecords records;
  records.kvms = {vm_record(1)};
  records.files = {file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm)};
  return records;
}

KernelRecords confirmed_by(KernelRecords records, const LedgerRecords& before,
                           const LedgerRecords& after,
                           const std::set<std::uint64_t>& reached = {}) {
  confirm_ledger(records, before, after, reached);
  return records;
}

KernelRecords confirmed(const KernelRecords& records, const LedgerRecords& ledger,
                        const std::set<std::uint64_t>& reached = {}) {
  return confirmed_by(records, ledger, ledger, reached);
}

TEST(LedgerLives, AFileThatIsStillTheSameIsInTheBook) {
  const auto records = confirmed(walked_stats_file(), ledger_of({stats_entry()}), {kStatsFile});
  ASSERT_TRUE(records.ledger);
  EXPECT_THAT(records.ledger->entries, SizeIs(1));
  EXPECT_THAT(records.files, SizeIs(1));
  EXPECT_THAT(records.earlier_lives, IsEmpty());
}

struct OtherLife {
  std::string_view what;
  vmleak_file file;
  LedgerRow entry;
};

class EarlierLife : public ::testing::TestWithParam<OtherLife> {};

// Memory of a file that is gone: nothing of it may make a node.
TEST_P(EarlierLife, IsSweptAndMakesNoNode) {
  auto records = walked_stats_file();
  records.files = {GetParam().file};
  const auto result = confirmed(records, ledger_of({GetParam().entry}), {kStatsFile, kVm});
  EXPECT_THAT(result.ledger->entries, IsEmpty());
  EXPECT_THAT(result.earlier_lives, SizeIs(1));
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.kvms, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    LedgerLives, EarlierLife,
    ::testing::Values(
        OtherLife{"another type", file_of(kStatsFile, VMLEAK_FILE_KVM_VCPU, kVm), stats_entry()},
        OtherLife{"another object", file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm + 64),
                  stats_entry()},
        OtherLife{"no references", file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm, 0),
                  stats_entry()},
        OtherLife{"another VM at the address", file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm),
                  of_generation(stats_entry(), kGeneration - 1)}),
    [](const auto& param) {
      std::string name(param.param.what);
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST(LedgerLives, AnEntryDroppedDuringTheWalkIsNoLeak) {
  const auto records = confirmed_by(walked_stats_file(), ledger_of({stats_entry()}), ledger_of({}),
                                    {kStatsFile, kVm});
  EXPECT_THAT(records.ledger->entries, IsEmpty());
  EXPECT_THAT(records.files, IsEmpty());
  EXPECT_THAT(records.kvms, IsEmpty());
  EXPECT_THAT(records.earlier_lives, IsEmpty());  // its drop was seen
}

TEST(LedgerLives, ATokenUsedAgainDuringTheWalkIsAnotherReference) {
  auto again = stats_entry();
  again.second.taken.time_ns += 5;
  auto walked = walked_stats_file();
  walked.files.clear();
  const auto records = confirmed_by(walked, ledger_of({stats_entry()}), ledger_of({again}));
  EXPECT_THAT(records.ledger->entries, IsEmpty());
  EXPECT_THAT(records.earlier_lives, IsEmpty());
}

TEST(LedgerLives, AReferenceTakenDuringTheWalkCountsWhenTheWalkSawIt) {
  auto walked = walked_stats_file();
  walked.files.clear();
  EXPECT_THAT(confirmed_by(walked, ledger_of({}), ledger_of({stats_entry()})).ledger->entries,
              IsEmpty());
  walked.fds = {fd_record(kQemu, 9, file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm))};
  EXPECT_THAT(confirmed_by(walked, ledger_of({}), ledger_of({stats_entry()})).ledger->entries,
              SizeIs(1));
}

// The last reference is gone, the file's release has not run: it will drop the entry.
TEST(LedgerLives, WhileSomebodyClosesFilesNothingIsSwept) {
  auto records = walked_stats_file();
  records.files = {file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm, 0)};
  auto task = task_record(kQemu, kQemu);
  task.task.closing = VMLEAK_CLOSING_TASK_WORK;
  records.tasks = {task};
  const auto result = confirmed(records, ledger_of({stats_entry()}), {kStatsFile});
  EXPECT_THAT(result.ledger->entries, IsEmpty());
  EXPECT_THAT(result.earlier_lives, IsEmpty());
  EXPECT_THAT(result.files, IsEmpty());
}

// Its file is in a task's list: the reference still counts, and has a holder.
TEST(LedgerLives, AFileThatWaitsForItsReleaseStillHoldsItsObject) {
  auto records = walked_stats_file();
  const auto file = file_of(kStatsFile, VMLEAK_FILE_KVM_VM_STATS, kVm, 0);
  records.files.clear();
  records.holds = {hold_record(file, VMLEAK_HOLD_PENDING_FPUT, 1, kQemu)};
  EXPECT_THAT(confirmed(records, ledger_of({stats_entry()})).ledger->entries, SizeIs(1));
}

// Its token is gone by definition; what it holds is not.
TEST(LedgerLives, AForgottenReferenceNeedsItsObjectOnly) {
  auto records = walked_stats_file();
  records.files.clear();
  const auto entry = in_state(stats_entry(), VMLEAK_ENTRY_FORGOTTEN);
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kVm}).ledger->entries, SizeIs(1));
  const auto earlier =
      confirmed(records, ledger_of({of_generation(entry, kGeneration - 1)}), {kVm});
  EXPECT_THAT(earlier.ledger->entries, IsEmpty());
  EXPECT_THAT(earlier.kvms, IsEmpty());
}

TEST(LedgerLives, AHeldFileHasToBeAliveAndOfItsKind) {
  const auto entry = ledger_row(VMLEAK_LEDGER_FILE_KVM_VFIO, kDevice, kGroupFile, kGroupFile);
  KernelRecords records;
  records.files = {file_of(kGroupFile, VMLEAK_FILE_VFIO_GROUP, 1)};
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kGroupFile}).ledger->entries, SizeIs(1));
  records.files = {file_of(kGroupFile, VMLEAK_FILE_SOCKET, 1)};
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kGroupFile}).earlier_lives, SizeIs(1));
}

TEST(LedgerLives, AnEventfdIsKnownByItsNumber) {
  const auto entry =
      of_generation(ledger_row(VMLEAK_LEDGER_EVENTFD_IRQFD, kVm, kContext, kContext), 57);
  KernelRecords records;
  vmleak_eventfd_record eventfd{};
  eventfd.context = kContext;
  eventfd.kref = 1;
  eventfd.id = 57;
  records.eventfds = {eventfd};
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kContext}).ledger->entries, SizeIs(1));
  records.eventfds[0].id = 58;
  const auto other = confirmed(records, ledger_of({entry}), {kContext});
  EXPECT_THAT(other.eventfds, IsEmpty());
  EXPECT_THAT(other.earlier_lives, SizeIs(1));
}

// The reader's own eventfd may get address and number of one that is gone.
TEST(LedgerLives, AnEventfdOfTheReaderIsNobodysElse) {
  const auto entry = in_state(ledger_row(VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER, kDevice, kContext),
                              VMLEAK_ENTRY_FORGOTTEN);
  KernelRecords records;
  records.own_tgid = kOtherProcess;
  vmleak_eventfd_record eventfd{};
  eventfd.context = kContext;
  eventfd.kref = 1;
  records.eventfds = {eventfd};
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kContext}).ledger->entries, SizeIs(1));
  records.fds = {fd_record(kOtherProcess, 3, file_of(kStatsFile, VMLEAK_FILE_EVENTFD, kContext))};
  const auto result = confirmed(records, ledger_of({entry}), {kContext});
  EXPECT_THAT(result.earlier_lives, SizeIs(1));
  EXPECT_THAT(result.eventfds, IsEmpty());
}

TEST(LedgerLives, AContainerOrAddressSpaceNeedsACountThatOneCanHave) {
  const auto entry =
      ledger_row(VMLEAK_LEDGER_VFIO_CONTAINER_GROUP, kDevice, kContainer, kContainer);
  KernelRecords records;
  vmleak_vfio_container_record container{};
  container.container = kContainer;
  container.kref = 1;
  records.vfio_containers = {container};
  EXPECT_THAT(confirmed(records, ledger_of({entry}), {kContainer}).ledger->entries, SizeIs(1));
  for (const std::int64_t kref : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{0x7f5a5a5a}}) {
    records.vfio_containers[0].kref = kref;
    EXPECT_THAT(confirmed(records, ledger_of({entry}), {kContainer}).vfio_containers, IsEmpty());
  }
}

// What other walks led to stays, whatever becomes of the entry.
TEST(LedgerLives, WhatWasFoundOtherwiseStays) {
  const auto records = confirmed_by(walked_stats_file(), ledger_of({stats_entry()}), ledger_of({}));
  EXPECT_THAT(records.kvms, SizeIs(1));
  EXPECT_THAT(records.files, SizeIs(1));
}

TEST(LedgerLives, WhatAForgottenVmLedToGoesWithIt) {
  auto records = walked_stats_file();
  records.kvm_vfios = {{{}, kDevice, 1}};
  records.kvm_of_device = {{kDevice, kVm}};
  records.holds = {
      hold_record(file_of(kGroupFile, VMLEAK_FILE_VFIO_GROUP, 1), VMLEAK_HOLD_KVM_VFIO, kDevice)};
  const auto result = confirmed_by(records, ledger_of({stats_entry()}), ledger_of({}), {kVm});
  EXPECT_THAT(result.holds, IsEmpty());
  EXPECT_THAT(result.kvm_vfios, IsEmpty());
}

}  // namespace
}  // namespace vmleak
