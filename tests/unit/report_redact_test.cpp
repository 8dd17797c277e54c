// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/snapshot_json.h"
#include "report/redact.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Everything in snapshot() that must not get out.
constexpr const char* kSecrets[] = {
    "gpu-07",        "alice",   "5b1e0c2a-aaaa", "qemu-system",  "secret.qcow2",
    "host-a",        "acme",    "/srv",          "spdk.service", "payroll",
    "0f0e0d0c-bbbb", "db tool", "private",       "0a0b0c0d_",    "trade engine",
};

LedgerBook ledger() {
  LedgerBook ledger;
  const LedgerTask taken{4711, 4711, "qemu-system-x86", 1};
  const LedgerTask dropped{4999, 4999, "trade engine", 2};
  ledger.entries = {{"mm/vhost",
                     EntryState::kForgotten,
                     1,
                     "mm:77",
                     "open_file:5",
                     "vhost device of gpu-07, /srv/alice/x",
                     taken,
                     "vhost_dev_set_owner",
                     {"vhost_dev_set_owner [vhost]", "at /srv/acme/x.c"},
                     dropped}};
  ledger.sums = {{"mm:77",
                  "mm_users",
                  "take_mm",
                  "gpu_vendor",
                  false,
                  1,
                  0,
                  {{1, false, {"take_mm [gpu_vendor]"}, dropped}}}};
  ledger.closes = {{"file:/srv/alice/secret.qcow2", 1, dropped}};
  ledger.removals = {{"vfio_device:0f0e0d0c-bbbb-4000-8000-00000000000c", dropped, 1, {}}};
  ledger.dma = {{"vfio_container:9", 4096, 0, 1, 0}};
  return ledger;
}

Snapshot snapshot() {
  Snapshot snapshot;
  snapshot.host = {"host-a", "6.1.0-28-amd64", "c0ffee00-1234-4000-8000-00000000b007"};
  snapshot.coverage.families = {{"images", FamilyState::kMissing, "", "images under /srv/acme"}};
  Book book;
  ProcessFacts qemu;
  qemu.pid = 4711;
  qemu.comm = "qemu-system-x86";
  qemu.command_line =
      "/opt/acme/qemu-system-x86_64 -name guest=gpu-07 -drive file=/srv/alice/secret.qcow2";
  qemu.cgroup = "/machine.slice/machine-qemu\\x2d1\\x2dgpu-07.scope";
  qemu.unit = "spdk.service";
  qemu.pod = "0f0e0d0c-bbbb-4000-8000-00000000000b";
  qemu.mm = "mm:77";
  qemu.vm = {"gpu-07", "5b1e0c2a-aaaa-4000-8000-00000000000a", "qemu", "command line"};
  ProcessFacts worker;
  worker.pid = 4712;
  worker.comm = "vhost-4711";
  worker.unit = "payroll.slice";
  book.nodes = {
      {"process:4711", NodeKind::kProcess, "qemu-system-x86 4711 (gpu-07)", "i1", 0, {}, qemu},
      {"kernel_thread:4712", NodeKind::kKernelThread, "vhost-4711", "i2", 0, {}, worker},
      {"mm:77",
       NodeKind::kMm,
       "qemu-system-x86 4711",
       "i3",
       0,
       {{"mm_users", 2, 0}},
       MmFacts{4711, "qemu-system-x86", 4096}},
      {"file:/srv/alice/secret.qcow2",
       NodeKind::kFile,
       "secret.qcow2",
       "i4",
       0,
       {},
       FileFacts{"/srv/alice/secret.qcow2", 1, 2, 3, false}},
      {"open_file:5",
       NodeKind::kOpenFile,
       "/dev/vfio/42",
       "i5",
       0,
       {{"f_count", 1, 0}},
       OpenFileFacts{"vfio/group-file", "/dev/vfio/42", true}},
      {"open_file:6",
       NodeKind::kOpenFile,
       "/memfd:private (deleted)",
       "i6",
       0,
       {},
       OpenFileFacts{"", "/memfd:private (deleted)", true}},
      {"vfio_device:0f0e0d0c-bbbb-4000-8000-00000000000c",
       NodeKind::kVfioDevice,
       "0f0e0d0c-bbbb-4000-8000-00000000000c",
       "i7",
       0,
       {},
       VfioDeviceFacts{"0f0e0d0c-bbbb-4000-8000-00000000000c", "vfio_mdev", "", "", true}},
      {"vfio_group:42",
       NodeKind::kVfioGroup,
       "0000:8a:00.0 NVIDIA A100",
       "i8",
       0,
       {},
       VfioGroupFacts{42, "", "open_file:5", "", "vfio_container:9"}},
      {"vfio_container:9",
       NodeKind::kVfioContainer,
       "",
       "i9",
       0,
       {},
       VfioContainerFacts{"vfio_iommu_type1", {{4711, "qemu-system-x86", "mm:77", true, 4096}}}},
      {"module:vfio_pci", NodeKind::kModule, "vfio_pci", "i10", 0, {}, ModuleFacts{{"vfio"}}},
  };
  book.references = {
      {"process:4711", "open_file:5", "f_count", "file/fd", 1, true, "fd 18 of db tool"},
      {"process:4711", "file:/srv/alice/secret.qcow2", "", "image/open-file", 1, true,
       "/srv/alice/secret.qcow2 of gpu-07"}};
  book.closing_tasks = {{4713,
                         4711,
                         "db tool",
                         "D",
                         ClosingReason::kTaskWork,
                         {"__fput+0x1a/0x40 [vfio]", "task_work_run", "at /srv/acme/x.c"},
                         false}};
  book.losses = {{"read /proc/4711/cmdline of db tool in payroll.slice; '/srv/acme/p.img'", 1, {}},
                 {"walk of machine 0a0b0c0d_aaaa_4000_8000_00000000000d", 1, {}}};
  book.ledger = ledger();
  snapshot.samples = {book, book};
  return snapshot;
}

TEST(Redact, LeavesNoSecretAnywhereInTheDocument) {
  const auto before = snapshot_to_json(snapshot()).dump();
  const auto after = snapshot_to_json(redact(snapshot())).dump();
  for (const auto* secret : kSecrets) {
    EXPECT_THAT(before, HasSubstr(secret)) << "the test itself lost this secret";
    EXPECT_THAT(after, Not(HasSubstr(secret)));
  }
}

TEST(Redact, KeepsWhatTheKernelAndTheHardwareAreCalled) {
  const auto after = snapshot_to_json(redact(snapshot())).dump();
  for (const auto* kept :
       {"/dev/vfio/42", "vfio_group:42", "0000:8a:00.0 NVIDIA A100", "vhost-4711", "vfio_mdev",
        "module:vfio_pci", "__fput+0x1a/0x40 [vfio]", "task_work_run", "6.1.0-28-amd64",
        "c0ffee00-1234-4000-8000-00000000b007", "command line", "fd 18 of ", "/proc/4711/cmdline",
        "vfio_iommu_type1", " (deleted)", "vhost_dev_set_owner [vhost]", "take_mm [gpu_vendor]",
        "vhost device of "}) {
    EXPECT_THAT(after, HasSubstr(kept));
  }
}

TEST(Redact, GivesTheSameThingTheSameName) {
  const auto after = redact(snapshot());
  const auto& book = after.samples.front();
  const auto& qemu = std::get<ProcessFacts>(book.nodes[0].facts);
  EXPECT_EQ(qemu.vm.name, "name-1");
  EXPECT_EQ(std::get<MmFacts>(book.nodes[2].facts).owner_comm, qemu.comm);
  EXPECT_EQ(book.nodes[0].name, qemu.comm + " 4711 (name-1)");
  EXPECT_EQ(book.references[1].detail,
            std::get<FileFacts>(book.nodes[3].facts).path + " of name-1");
  EXPECT_EQ(after.samples[0].nodes[3].name, after.samples[1].nodes[3].name);
}

TEST(Redact, GivesTasksOfTheLedgerTheNamesOfTheirPrograms) {
  const auto after = redact(snapshot());
  const auto& book = after.samples.front();
  ASSERT_TRUE(book.ledger);
  const auto& entry = book.ledger->entries.at(0);
  EXPECT_EQ(entry.taken.comm, std::get<ProcessFacts>(book.nodes[0].facts).comm);
  EXPECT_EQ(entry.dropped.comm, book.ledger->sums.at(0).stacks.at(0).last.comm);
  EXPECT_EQ(entry.held, book.nodes[2].id);
  EXPECT_EQ(book.ledger->closes.at(0).file, book.nodes[3].id);
}

TEST(Redact, KeepsReferencesBetweenNodes) {
  const auto text = snapshot_to_json(redact(snapshot())).dump();
  const auto read = snapshot_from_text(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->samples[0].references[1].held, read->samples[0].nodes[3].id);
}

TEST(Redact, DoesNotTouchNumbersThatAVmIsNamedLike) {
  auto original = snapshot();
  std::get<ProcessFacts>(original.samples[0].nodes[0].facts).vm.name = "42";
  const auto after = redact(original);
  EXPECT_EQ(after.samples[0].nodes[7].id, "vfio_group:42");
  EXPECT_EQ(std::get<ProcessFacts>(after.samples[0].nodes[0].facts).vm.name, "name-1");
}

TEST(Redact, ReplacesAShortNameOnlyWhereItIsAWord) {
  auto original = snapshot();
  std::get<ProcessFacts>(original.samples[0].nodes[0].facts).vm.name = "vm";
  original.samples[0].losses = {{"lost vm in vmalloc", 1, {}}};
  EXPECT_EQ(redact(original).samples[0].losses[0].what, "lost name-1 in vmalloc");
}

TEST(Redact, DoesNotTouchKernelNamesThatAHostIsNamedLike) {
  auto original = snapshot();
  original.host.hostname = "vm";
  auto& node = original.samples[0].nodes[4];
  node.name = "anon_inode:kvm-vm";
  original.samples[0].references[0].detail = "fd 3 of vm, /dev/vfio/42";
  const auto after = redact(original);
  EXPECT_EQ(after.samples[0].nodes[4].name, "anon_inode:kvm-vm");
  EXPECT_EQ(after.samples[0].references[0].detail, "fd 3 of host-1, /dev/vfio/42");
}

}  // namespace
}  // namespace vmleak
