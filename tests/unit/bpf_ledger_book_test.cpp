// SPDX-License-Identifier: Apache-2.0
//
// What a book says of a ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "book_queries.h"
#include "bpf/ledger_book.h"
#include "bpf/ledger_classes.h"
#include "ledger_records_fixture.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kContext = 0xffff'0000'0005'0000;
constexpr std::uint64_t kEventFile = 0xffff'0000'0005'1000;
constexpr std::uint64_t kDevice = 0xffff'0000'0007'0000;
constexpr std::uint64_t kGroup = 0xffff'0000'0007'1000;
constexpr std::uint64_t kContainer = 0xffff'0000'0006'0000;
constexpr std::uint64_t kIommu = 0xffff'0000'0006'1000;
constexpr std::uint64_t kVhostFile = 0xffff'0000'0008'0000;
constexpr std::uint64_t kVhostDevice = 0xffff'0000'0008'1000;
constexpr std::uint64_t kInode = 0xffff'0000'0009'0000;

LedgerRow vcpu_entry() {
  auto row = ledger_row(VMLEAK_LEDGER_KVM_VCPU_FILE, kVcpuFile, kVm);
  row.second.generation = kGeneration;
  set_stack(row.second.stack, row.second.stack_depth, {0x9999, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15});
  return row;
}

// A VM whose vCPU file the ledger saw being made.
KernelRecords vm_with(std::vector<LedgerRow> entries) {
  KernelRecords records;
  records.kvms = {vm_record(1)};
  records.mms = {mm_record(1)};
  records.fds = {fd_record(kQemu, 10, file_of(kVcpuFile, VMLEAK_FILE_KVM_VCPU, kVm))};
  records.tasks = {task_record(kQemu, kQemu)};
  records.ledger = ledger_of(std::move(entries));
  return records;
}

void add_device(KernelRecords& records) {
  vmleak_vfio_group_record group{};
  group.group = kGroup;
  group.drivers = 1;
  group.iommu_group = kGroup + 1;
  group.number = 42;
  records.vfio_groups = {group};
  vmleak_vfio_device_record device{};
  device.device = kDevice;
  device.group = kGroup;
  device.refcount = 1;
  set_text(device.name, "0000:8a:00.0");
  set_text(device.driver, "vfio-pci");
  records.vfio_devices = {device};
}

void add_eventfd(KernelRecords& records, std::int64_t kref) {
  vmleak_eventfd_record eventfd{};
  eventfd.context = kContext;
  eventfd.kref = kref;
  eventfd.id = 57;
  records.eventfds = {eventfd};
}

LedgerBook ledger_in(const Book& book) { return book.ledger.value_or(LedgerBook{}); }

LedgerBook ledger_in(const KernelRecords& records) {
  return ledger_in(build_book(records, ledger_options()));
}

TEST(LedgerBook, IsThereOnlyWhenALedgerIs) {
  auto records = vm_with({});
  EXPECT_TRUE(build_book(records, ledger_options()).ledger);
  records.ledger.reset();
  EXPECT_FALSE(build_book(records, ledger_options()).ledger);
}

TEST(LedgerBook, TellsWhoTookAReferenceWhereAndWhen) {
  const auto book = build_book(vm_with({vcpu_entry()}), ledger_options());
  const auto ledger = ledger_in(book);
  EXPECT_EQ(ledger.armed_ns, kArmedNs + kBootNs);
  ASSERT_THAT(ledger.entries, SizeIs(1));
  const auto& entry = ledger.entries[0];
  EXPECT_EQ(entry.cls, "kvm/vcpu-file");
  EXPECT_EQ(entry.state, EntryState::kOut);
  EXPECT_EQ(entry.references, 1);
  EXPECT_EQ(entry.held, only_node(book, NodeKind::kKvm).id);
  EXPECT_EQ(entry.holder, node_of_type(book, "kvm/vcpu-file").id);
  EXPECT_EQ(entry.holder_text, "");
  EXPECT_EQ(entry.taken.pid, kQemu);
  EXPECT_EQ(entry.taken.tid, kQemu + 1);
  EXPECT_EQ(entry.taken.comm, "qemu-system-x86");
  EXPECT_EQ(entry.taken.time_ns, kTakenNs + kBootNs);
  EXPECT_EQ(entry.function, "kvm_vm_ioctl");
  EXPECT_THAT(entry.stack, ElementsAre("__anon_inode_getfile", "anon_inode_getfile",
                                       "kvm_vm_ioctl [kvm]", "__x64_sys_ioctl"));
  EXPECT_EQ(entry.dropped.time_ns, 0U);
  EXPECT_THAT(unbalanced(book), IsEmpty());
}

TEST(LedgerBook, WithoutAStackTheClassSaysWhereItIsTaken) {
  auto row = vcpu_entry();
  row.second.stack_depth = 0;
  const auto ledger = ledger_in(vm_with({row}));
  ASSERT_THAT(ledger.entries, SizeIs(1));
  EXPECT_EQ(ledger.entries[0].function, "kvm_vm_ioctl");
  EXPECT_THAT(ledger.entries[0].stack, IsEmpty());
}

struct TakeCase {
  vmleak_ledger_class cls;
  std::vector<std::string> frames;
  std::string function;
};

class TakingFunction : public ::testing::TestWithParam<TakeCase> {};

TEST_P(TakingFunction, IsTheOneThatIsHooked) {
  const auto* cls = find_ledger_class(GetParam().cls);
  ASSERT_NE(cls, nullptr);
  EXPECT_EQ(taking_function(*cls, GetParam().frames), GetParam().function);
}

INSTANTIATE_TEST_SUITE_P(
    LedgerBook, TakingFunction,
    ::testing::Values(
        TakeCase{VMLEAK_LEDGER_KVM_DEVICE_FILE,
                 {"anon_inode_getfd", "kvm_vm_ioctl [kvm]"},
                 "kvm_vm_ioctl"},
        TakeCase{VMLEAK_LEDGER_VFIO_GROUP_FILE,
                 {"vfio_group_fops_open [vfio]", "chrdev_open"},
                 "vfio_group_fops_open"},
        // A kprobe sees its end, when it is not on the stack any more.
        TakeCase{VMLEAK_LEDGER_VFIO_GROUP_FILE, {"chrdev_open"}, "vfio_group_fops_open"},
        TakeCase{VMLEAK_LEDGER_KVM_DEBUGFS_FILE,
                 {"kvm_mmu_rmaps_stat_open [kvm]", "full_proxy_open"},
                 "kvm_mmu_rmaps_stat_open"},
        TakeCase{VMLEAK_LEDGER_KVM_DEBUGFS_FILE, {"full_proxy_open"}, "kvm_stat_data_open"},
        TakeCase{VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN,
                 {"vfio_device_assign_container [vfio]", "vfio_group_fops_unl_ioctl [vfio]"},
                 "vfio_device_assign_container"},
        TakeCase{VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN, {}, "vfio_group_use_container"}));

TEST(LedgerBook, KnowsNothingOfATakeBeforeItWasArmed) {
  const auto ledger = ledger_in(vm_with({in_state(vcpu_entry(), VMLEAK_ENTRY_PREEXISTING)}));
  ASSERT_THAT(ledger.entries, SizeIs(1));
  EXPECT_EQ(ledger.entries[0].state, EntryState::kPreexisting);
  EXPECT_EQ(ledger.entries[0].function, "");
  EXPECT_THAT(ledger.entries[0].stack, IsEmpty());
  EXPECT_EQ(ledger.entries[0].taken.time_ns, 0U);
}

TEST(LedgerBook, AForgottenReferenceHasNoHolderButWhoForgotIt) {
  auto row = in_state(vcpu_entry(), VMLEAK_ENTRY_FORGOTTEN);
  row.second.counter_before_drop = 2;
  auto records = vm_with({row});
  records.fds.clear();
  const auto ledger = ledger_in(records);
  ASSERT_THAT(ledger.entries, SizeIs(1));
  EXPECT_EQ(ledger.entries[0].state, EntryState::kForgotten);
  EXPECT_EQ(ledger.entries[0].holder, "");
  EXPECT_EQ(ledger.entries[0].holder_text, "a file that was closed");
  EXPECT_EQ(ledger.entries[0].function, "kvm_vm_ioctl");
  EXPECT_EQ(ledger.entries[0].dropped.time_ns, kTakenNs + 1 + kBootNs);
  EXPECT_EQ(ledger.entries[0].dropped.comm, "qemu-system-x86");
}

TEST(LedgerBook, LeavesOutWhatIsOnNoObjectOfTheBook) {
  EXPECT_THAT(ledger_in(vm_with({ledger_row(VMLEAK_LEDGER_MM_VHOST, 1, 2)})).entries, IsEmpty());
}

TEST(LedgerBook, EveryClassHasAReferenceClass) {
  for (int cls = VMLEAK_LEDGER_NONE + 1; cls < VMLEAK_LEDGER_CLASSES; ++cls) {
    const auto* row = find_ledger_class(static_cast<std::uint32_t>(cls));
    ASSERT_NE(row, nullptr) << cls;
    const auto* reference = find_reference_class(row->name);
    ASSERT_NE(reference, nullptr) << row->name;
    EXPECT_EQ(reference->held, row->held) << row->name;
  }
}

TEST(LedgerBook, AVhostDeviceIsKnownByItsFile) {
  auto records = vm_with({ledger_row(VMLEAK_LEDGER_MM_VHOST, kVhostDevice, kVmMm, kVmMm)});
  EXPECT_EQ(ledger_in(records).entries.at(0).holder, "");
  EXPECT_EQ(ledger_in(records).entries.at(0).holder_text, "a vhost device");
  vmleak_vhost_record vhost{};
  vhost.file = kVhostFile;
  vhost.device = kVhostDevice;
  vhost.mm = kVmMm;
  records.vhosts = {vhost};
  records.fds.push_back(fd_record(kQemu, 20, file_of(kVhostFile, VMLEAK_FILE_VHOST_NET, 1)));
  const auto book = build_book(records, ledger_options());
  EXPECT_EQ(ledger_in(book).entries.at(0).holder, node_of_type(book, "vhost/net-file").id);
}

// ---- eventfds ----

LedgerRow trigger_entry() {
  auto row = ledger_row(VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER, kDevice, kContext);
  row.first.slot = 2U << 16 | 3;
  row.second.generation = 57;
  return row;
}

TEST(LedgerBook, WhatKeepsAnEventfdIsCounted) {
  auto irqfd = ledger_row(VMLEAK_LEDGER_EVENTFD_IRQFD, kVm, kContext, kContext);
  auto doorbell = ledger_row(VMLEAK_LEDGER_EVENTFD_IOEVENTFD, kContext, kContext);
  auto records = vm_with({trigger_entry(), irqfd, doorbell});
  add_device(records);
  records.vfio_devices[0].open_count = 1;
  add_eventfd(records, 5);
  records.fds.push_back(fd_record(kQemu, 30, file_of(kEventFile, VMLEAK_FILE_EVENTFD, kContext)));
  records.fds.push_back(fd_record(kQemu, 20, file_of(kVhostFile, VMLEAK_FILE_VHOST_NET, 1)));
  records.eventfd_holds = {{{}, kContext, kVhostFile, VMLEAK_EVENTFD_VHOST, 0},
                           {{}, kContext, kVm, VMLEAK_EVENTFD_IRQFD, 0},
                           {{}, kContext, kVm, VMLEAK_EVENTFD_IOEVENTFD, 0},
                           {{}, kContext, kDevice, VMLEAK_EVENTFD_VFIO_TRIGGER, 0}};
  const auto book = build_book(records, ledger_options());
  const auto& eventfd = only_node(book, NodeKind::kEventfd);
  EXPECT_EQ(eventfd.id, "eventfd:57");
  EXPECT_EQ(std::get<EventfdFacts>(eventfd.facts).number, 57);
  EXPECT_THAT(classes_on(book, eventfd.id),
              UnorderedElementsAre("eventfd/file", "eventfd/vfio-trigger", "eventfd/irqfd",
                                   "eventfd/ioeventfd", "eventfd/vhost"));
  EXPECT_THAT(unbalanced(book), Not(Contains(HasSubstr("eventfd"))));
  const auto vm = only_node(book, NodeKind::kKvm).id;
  const auto ledger = ledger_in(book);
  EXPECT_THAT(
      ledger.entries,
      ElementsAre(
          AllOf(Field(&LedgerEntry::cls, "eventfd/vfio-trigger"),
                Field(&LedgerEntry::holder, "vfio_device:0000:8a:00.0")),
          AllOf(Field(&LedgerEntry::cls, "eventfd/irqfd"), Field(&LedgerEntry::holder, vm)),
          AllOf(Field(&LedgerEntry::cls, "eventfd/ioeventfd"), Field(&LedgerEntry::holder, vm))));
}

// A device's close that forgets its triggers: the device holds nothing any more,
// but the entry says whose trigger it was.
TEST(LedgerBook, AForgottenTriggerIsNoHolder) {
  auto records = vm_with({in_state(trigger_entry(), VMLEAK_ENTRY_FORGOTTEN)});
  add_device(records);
  add_eventfd(records, 1);
  const auto book = build_book(records, ledger_options());
  EXPECT_THAT(classes_on(book, "eventfd:57"), IsEmpty());
  EXPECT_THAT(unbalanced(book), Contains(HasSubstr("eventfd:57 kref 1")));
  const auto ledger = ledger_in(book);
  const auto& entry = ledger.entries.at(0);
  EXPECT_EQ(entry.held, "eventfd:57");
  EXPECT_EQ(entry.holder, "vfio_device:0000:8a:00.0");
  EXPECT_EQ(entry.holder_text, "VFIO trigger 2/3");
}

// Later kernels' devices still point to it then.
TEST(LedgerBook, ATriggerInAClosedDeviceIsNoHolder) {
  auto records = vm_with({in_state(trigger_entry(), VMLEAK_ENTRY_FORGOTTEN)});
  add_device(records);
  add_eventfd(records, 1);
  records.eventfd_holds = {{{}, kContext, kDevice, VMLEAK_EVENTFD_VFIO_TRIGGER, 0}};
  std::vector<vmleak_ledger_key> refuted;
  const auto closed = build_book(records, ledger_options(), &refuted);
  EXPECT_THAT(classes_on(closed, "eventfd:57"), IsEmpty());
  EXPECT_THAT(unbalanced(closed), Contains(HasSubstr("eventfd:57 kref 1")));
  EXPECT_THAT(ledger_in(closed).entries, SizeIs(1));
  EXPECT_THAT(refuted, IsEmpty());

  records.vfio_devices[0].open_count = 1;
  const auto open = build_book(records, ledger_options(), &refuted);
  EXPECT_THAT(classes_on(open, "eventfd:57"), ElementsAre("eventfd/vfio-trigger"));
}

// A counter that goes down after a grace period looks forgotten to a hook.
TEST(LedgerBook, ACounterWhoseReferencesAllHaveAHolderRefutesAForgottenOne) {
  auto records = vm_with({in_state(trigger_entry(), VMLEAK_ENTRY_FORGOTTEN), vcpu_entry()});
  add_eventfd(records, 1);
  records.fds.push_back(fd_record(kQemu, 30, file_of(kEventFile, VMLEAK_FILE_EVENTFD, kContext)));
  std::vector<vmleak_ledger_key> refuted;
  const auto book = build_book(records, ledger_options(), &refuted);
  ASSERT_THAT(refuted, SizeIs(1));
  EXPECT_EQ(refuted[0].cls, VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER);
  EXPECT_THAT(ledger_in(book).entries, ElementsAre(Field(&LedgerEntry::cls, "kvm/vcpu-file")));

  records.eventfds[0].kref = 2;
  EXPECT_THAT(ledger_in(build_book(records, ledger_options(), &refuted)).entries, SizeIs(2));
  EXPECT_THAT(refuted, IsEmpty());
}

// ---- sums ----

std::pair<vmleak_ledger_sum_key, vmleak_ledger_sum> sum_of(std::uint64_t caller, bool is_put,
                                                           std::uint64_t count,
                                                           std::uint64_t stack_hash) {
  std::pair<vmleak_ledger_sum_key, vmleak_ledger_sum> row{};
  row.first.object = kVm;
  row.first.generation = kGeneration;
  row.first.caller = caller;
  row.first.is_put = is_put ? 1 : 0;
  row.first.stack_hash = stack_hash;
  row.second.count = count;
  row.second.last = ledger_task(kTakenNs);
  set_stack(row.second.stack, row.second.stack_depth, {0x10, caller, 0x15});
  return row;
}

TEST(LedgerBook, AddsUpGetsAndPutsOfOneFunctionOverItsStacks) {
  auto records = vm_with({});
  records.ledger->sums = {sum_of(0x17, false, 2, 1), sum_of(0x17, false, 1, 2),
                          sum_of(0x17, true, 1, 3), sum_of(0x18, true, 1, 4)};
  auto stale = sum_of(0x17, false, 100, 5);
  stale.first.generation = kGeneration - 1;
  records.ledger->sums.push_back(stale);
  const auto ledger = ledger_in(records);
  ASSERT_THAT(ledger.sums, SizeIs(2));
  const auto& taker = ledger.sums[0];
  EXPECT_EQ(taker.function, "take_kvm");
  EXPECT_EQ(taker.module, "vmleak_test_leak");
  EXPECT_EQ(taker.counter, "users_count");
  EXPECT_EQ(taker.gets, 3);
  EXPECT_EQ(taker.puts, 1);
  ASSERT_THAT(taker.stacks, SizeIs(3));
  EXPECT_EQ(taker.stacks[0].count, 2);
  EXPECT_FALSE(taker.stacks[0].is_put);
  EXPECT_TRUE(taker.stacks[2].is_put);
  EXPECT_THAT(taker.stacks[0].frames,
              ElementsAre("take_kvm [vmleak_test_leak]", "__x64_sys_ioctl"));
  EXPECT_EQ(taker.stacks[0].last.time_ns, kTakenNs + kBootNs);
  EXPECT_EQ(ledger.sums[1].puts, 1);
}

TEST(LedgerBook, ACallerThatJumpedIsAnotherOne) {
  auto records = vm_with({});
  auto jumped = sum_of(0x17, false, 1, 2);
  jumped.first.at_or_below = 1;
  records.ledger->sums = {sum_of(0x17, false, 1, 1), jumped};
  const auto ledger = ledger_in(records);
  ASSERT_THAT(ledger.sums, SizeIs(2));
  EXPECT_FALSE(ledger.sums[0].at_or_below);
  EXPECT_TRUE(ledger.sums[1].at_or_below);
}

// ---- the rest ----

TEST(LedgerBook, ClosesAreOfImagesInTheBook) {
  auto records = vm_with({});
  vmleak_ledger_close close{};
  close.count = 3;
  close.last = ledger_task(kTakenNs);
  records.ledger->closes = {{kInode, close}, {kInode + 1, close}};
  records.fds.push_back(fd_record(kQemu, 12, file_of(1, VMLEAK_FILE_IMAGE, kInode)));
  const auto book = build_book(records, ledger_options());
  ASSERT_THAT(ledger_in(book).closes, SizeIs(1));
  EXPECT_EQ(ledger_in(book).closes[0].file, only_node(book, NodeKind::kFile).id);
  EXPECT_EQ(ledger_in(book).closes[0].closes, 3);
}

// Nothing says when it ends, except its task.
TEST(LedgerBook, ARemovalLastsAsLongAsItsTaskIsInIt) {
  auto records = vm_with({});
  add_device(records);
  vmleak_ledger_removal removal{};
  removal.task = ledger_task(kTakenNs);
  removal.refcount = 2;
  records.ledger->removals = {{kDevice, removal}};
  EXPECT_THAT(ledger_in(records).removals, IsEmpty());
  auto task = task_record(kQemu, kQemu + 1);
  task.stack = {0x19};
  records.tasks.push_back(task);
  const auto ledger = ledger_in(records);
  ASSERT_THAT(ledger.removals, SizeIs(1));
  EXPECT_EQ(ledger.removals[0].device, "vfio_device:0000:8a:00.0");
  EXPECT_EQ(ledger.removals[0].refcount, 2);
}

TEST(LedgerBook, DmaIsOfTheContainerWithThatMemory) {
  auto records = vm_with({});
  vmleak_vfio_container_record container{};
  container.container = kContainer;
  container.iommu_data = kIommu;
  container.kref = 1;
  records.vfio_containers = {container};
  vmleak_ledger_dma dma{};
  dma.mapped_bytes = 8192;
  dma.maps = 2;
  records.ledger->dma = {{kIommu, dma}, {kIommu + 1, dma}};
  const auto book = build_book(records, ledger_options());
  ASSERT_THAT(ledger_in(book).dma, SizeIs(1));
  EXPECT_EQ(ledger_in(book).dma[0].container, only_node(book, NodeKind::kVfioContainer).id);
  EXPECT_EQ(ledger_in(book).dma[0].mapped_bytes, 8192U);
}

// ---- what can be trusted ----

Family attached(std::string name, std::string program) {
  return {std::move(name), FamilyState::kAttached, std::move(program), ""};
}

TEST(LedgerBook, AClassIsCompleteWhenNoCallOfItsHooksCanBeMissed) {
  auto records = vm_with({});
  records.ledger->families = {attached("ledger/kvm-files", "fexit anon_inode_getfile"),
                              attached("ledger/vhost-mm", "kprobe vhost_detach_mm")};
  EXPECT_THAT(ledger_in(records).complete_classes, ElementsAre("kvm/vm-file", "kvm/vcpu-file"));
  for (const auto count : {VMLEAK_COUNT_OVERFLOW, VMLEAK_COUNT_REFUSED, VMLEAK_COUNT_UNREADABLE}) {
    auto lossy = records;
    lossy.ledger->counts.at(count) = 1;
    EXPECT_THAT(ledger_in(lossy).complete_classes, IsEmpty()) << count;
  }
  auto skipping = records;
  skipping.ledger->skipped = 1;
  EXPECT_THAT(ledger_in(skipping).complete_classes, IsEmpty());
  auto stale = records;
  stale.ledger->families[0].state = FamilyState::kStale;
  EXPECT_THAT(ledger_in(stale).complete_classes, IsEmpty());
}

TEST(LedgerLosses, SayWhatWasLostAndOfWhat) {
  auto records = ledger_of({});
  EXPECT_THAT(ledger_losses(records, families_in_tests()), IsEmpty());
  records.counts.at(VMLEAK_COUNT_TAKES) = 100;
  records.counts.at(VMLEAK_COUNT_REPLACED) = 1;
  records.counts.at(VMLEAK_COUNT_EVENTS_LOST) = 1;
  EXPECT_THAT(ledger_losses(records, families_in_tests()), IsEmpty());
  records.counts.at(VMLEAK_COUNT_OVERFLOW) = 42;
  records.counts.at(VMLEAK_COUNT_SUMS_LOST) = 3;
  records.skipped = 2;
  const auto losses = ledger_losses(records, families_in_tests());
  ASSERT_THAT(losses, SizeIs(3));
  EXPECT_EQ(losses[0].what, "the ledger was full: 42 references were not recorded (capacity 8)");
  EXPECT_EQ(losses[0].count, 42);
  for (const auto& loss : losses) EXPECT_TRUE(loss.in_ledger) << loss.what;
  EXPECT_THAT(losses[0].kinds, Contains(NodeKind::kKvm));
  EXPECT_THAT(losses[1].kinds, ElementsAre(NodeKind::kKvm));
  EXPECT_EQ(losses[2].count, 2);
}

TEST(LedgerLosses, AStaleFamilySaysHowToGetItBack) {
  auto records = ledger_of({});
  records.families = {{"ledger/vhost-mm", FamilyState::kStale, "kprobe", ""}};
  const auto losses = ledger_losses(records, families_in_tests());
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_THAT(losses[0].what, HasSubstr("ledger/vhost-mm is stale"));
  EXPECT_THAT(losses[0].what, HasSubstr("vmleak arm --replace"));
  EXPECT_THAT(losses[0].kinds, ElementsAre(NodeKind::kMm));
}

TEST(LedgerLosses, GetIntoTheBook) {
  auto records = vm_with({});
  records.losses = {{"something else", 1, {}}};
  records.ledger->counts.at(VMLEAK_COUNT_OVERFLOW) = 1;
  EXPECT_THAT(build_book(records, ledger_options()).losses, SizeIs(2));
}

TEST(LedgerTier, IsAsGoodAsItsWorstHook) {
  EXPECT_EQ(ledger_tier({}), Tier::kSnapshot);
  EXPECT_EQ(ledger_tier({{"ledger/x", FamilyState::kMissing, "fexit f", ""}}), Tier::kSnapshot);
  EXPECT_EQ(ledger_tier({attached("ledger/x", "fexit f")}), Tier::kFull);
  EXPECT_EQ(ledger_tier({attached("ledger/x", "fexit f"), attached("ledger/y", "kretprobe g")}),
            Tier::kKprobe);
}

TEST(KernelFrames, LeaveOutWhatTracingPutsThere) {
  EXPECT_THAT(kernel_frames({"0xffffffffc0a81000", "bpf_prog_1_x [bpf]", "f [kvm]", "0x10", "g"}),
              ElementsAre("f [kvm]", "0x10", "g"));
  EXPECT_THAT(kernel_frames({"arch_rethook_trampoline", "f"}), ElementsAre("f"));
  EXPECT_THAT(kernel_frames({"0x1", "0x2"}), ElementsAre("0x1", "0x2"));
}

}  // namespace
}  // namespace vmleak
