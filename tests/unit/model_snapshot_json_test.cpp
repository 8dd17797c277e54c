// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "model/snapshot_json.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Node make_node(NodeKind kind, const std::string& id, Facts facts,
               std::vector<Counter> counters = {}) {
  Node node;
  node.id = make_node_id(kind, id);
  node.kind = kind;
  node.name = "name of " + id;
  node.instance = "instance of " + id;
  node.counters = std::move(counters);
  node.facts = std::move(facts);
  return node;
}

ProcessFacts kernel_thread_facts() {
  ProcessFacts facts;
  facts.pid = 60;
  facts.comm = "vhost-4711";
  return facts;
}

LedgerBook full_ledger() {
  LedgerBook ledger;
  ledger.armed_ns = 1'767'225'500'000'000'001;
  ledger.complete_classes = {"kvm/vm-file", "kvm/vcpu-file"};
  const LedgerTask taken{4711, 4712, "qemu", 1'767'225'550'000'000'002};
  const LedgerTask dropped{900, 901, "agent", 1'767'225'560'000'000'003};
  ledger.entries = {
      {"kvm/vm-file",
       EntryState::kOut,
       2,
       "kvm:1",
       "open_file:1",
       "",
       taken,
       "kvm_dev_ioctl",
       {"__anon_inode_getfile", "kvm_dev_ioctl [kvm]"},
       {}},
      {"kvm/vcpu-file", EntryState::kPreexisting, 1, "kvm:1", "", "a vCPU's file", {}, "", {}, {}},
      {"mm/vhost",
       EntryState::kForgotten,
       1,
       "mm:1",
       "",
       "vhost device",
       taken,
       "vhost_dev_set_owner",
       {},
       dropped}};
  ledger.sums = {{"kvm:1",
                  "users_count",
                  "take_kvm",
                  "gpu_vendor",
                  true,
                  3,
                  1,
                  {{3, false, {"take_kvm [gpu_vendor]"}, taken},
                   {1, true, {"drop_kvm [gpu_vendor]"}, dropped}}}};
  ledger.closes = {{"file:8:1", 5, dropped}};
  ledger.removals = {{"vfio_device:0000:8a:00.0", dropped, 2, {"vfio_unregister_group_dev"}}};
  ledger.dma = {{"vfio_container:1", 1ULL << 34, 4096, 12, 1}};
  return ledger;
}

// Every field of every kind has a value of its own.
Book full_book() {
  Book book;
  book.time_ns = 1'767'225'600'123'456'789;
  book.nodes = {
      make_node(NodeKind::kKvm, "1",
                KvmFacts{4711, "kvm-4711", "4711-11", "mm:1", 4, 2ULL << 30, true},
                {{"users_count", 7, 2}}),
      make_node(NodeKind::kVfioGroup, "42",
                VfioGroupFacts{42, "iommu_group:42", "open_file:1", "kvm:1", "vfio_container:1"}),
      make_node(NodeKind::kVfioDevice, "0000:8a:00.0",
                VfioDeviceFacts{"0000:8a:00.0", "vfio-pci", "vfio_group:42", "kvm:1", false}),
      make_node(NodeKind::kVfioContainer, "1",
                VfioContainerFacts{"vfio_iommu_type1", {{4711, "qemu", "mm:1", true, 1ULL << 40}}}),
      make_node(NodeKind::kIommuGroup, "42",
                IommuGroupFacts{
                    42, {{"0000:8a:00.0", "NVIDIA", "vfio-pci", true}}, "vfio_group:42", false}),
      make_node(NodeKind::kMm, "1", MmFacts{4711, "qemu", 1ULL << 33}, {{"mm_users", -1, 0}}),
      make_node(NodeKind::kModule, "vfio", ModuleFacts{{"vfio_pci", "vfio_iommu_type1"}}),
      make_node(NodeKind::kFile, "8:1", FileFacts{"/a \"b\"\n\xc3\xbc.qcow2", 8, 1, 99, true}),
      make_node(NodeKind::kOpenFile, "1", OpenFileFacts{"kvm/vm-file", "anon_inode:kvm-vm", true}),
      make_node(NodeKind::kProcess, "4711",
                ProcessFacts{4711,
                             "qemu",
                             "D",
                             true,
                             3,
                             "mm:1",
                             UINT64_MAX,
                             "qemu -m 2G",
                             "/a/b",
                             "a.service",
                             "pod-uid",
                             "default/web-1",
                             {"gpu-07", "5b1e0c2a", "qemu", "cgroup"}}),
      make_node(NodeKind::kKernelThread, "60", kernel_thread_facts()),
      make_node(NodeKind::kIoUring, "1", IoUringFacts{8}),
      make_node(NodeKind::kDriver, "vfio-pci", DriverFacts{}),
  };
  book.nodes[0].address = 0xffff'8881'0000'0000;
  book.references = {
      {"open_file:1", "kvm:1", "users_count", "kvm/vm-file", 1, true, "detail"},
      {"process:4711", "open_file:1", "f_count", "file/in-syscall", 2, false, "in ioctl"},
  };
  book.closing_tasks = {
      {4713, 4711, "qemu", "D", ClosingReason::kExitMmap, {"exit_mmap", "mmput"}, false},
      {60, 60, "kworker", "R", ClosingReason::kTaskWork, {}, true}};
  book.waiting_tasks = {{348,
                         340,
                         "bash",
                         "D",
                         KernelWait::kVfioUnregister,
                         "0000:8a:00.0",
                         1'767'225'600'000'000'000,
                         {"vfio_unregister_group_dev"}}};
  book.losses = {{"mappings: list changed", 3, {NodeKind::kMm, NodeKind::kOpenFile}},
                 {"everything", 1, {}},
                 {"ledger: no room for 3 entries", 3, {NodeKind::kKvm}, true}};
  book.ledger = full_ledger();
  book.files_walked = 41'207;
  book.mappings_walked = 912;
  return book;
}

Management full_management() {
  Management management;
  Domain domain;
  domain.name = "gpu-07";
  domain.uuid = "5b1e0c2a-0000-4000-8000-000000000001";
  domain.source = "libvirt";
  domain.state = "running";
  domain.reason = "booted";
  domain.active = domain.persistent = domain.autostart = true;
  domain.pid = 4711;
  domain.memory_bytes = 1ULL << 36;
  domain.hugepage_bytes = 1ULL << 30;
  domain.host_devices = {{"0000:8a:00.0", "", true}, {"", "c0ffee00", false}};
  domain.disks = {"/images/gpu-07.qcow2"};
  domain.interfaces = {"vnet0"};
  management.domains = {domain};
  management.past_runs = {{"gpu-06",
                           "5b1e0c2a-0000-4000-8000-000000000002",
                           "libvirt domain log",
                           "/var/log/libvirt/qemu/gpu-06.log",
                           4700,
                           1,
                           2,
                           "destroyed",
                           domain.host_devices,
                           {"/images/gpu-06.qcow2"}}};
  management.losses = {{"libvirt did not answer", 1, {NodeKind::kVfioDevice}}};
  return management;
}

PciFunction full_function() {
  PciFunction function;
  function.address = "0000:8a:00.0";
  function.name = "NVIDIA A100";
  function.class_code = 0x030200;
  function.vendor = 0x10de;
  function.device = 0x20b0;
  function.driver = "vfio-pci";
  function.driver_override = "vfio-pci";
  function.native_drivers = {"nvidia", "nouveau"};
  function.iommu_group = 42;
  function.physical_function = "0000:8a:00.7";
  function.virtual_functions = {"0000:8a:01.0"};
  function.upstream_bridge = "0000:89:00.0";
  function.reset_methods = {"flr", "bus"};
  function.power_state = "D3hot";
  function.parking = {{"modprobe.d", "options vfio-pci ids=10de:20b0"}};
  function.driver_messages = {{"nvidia", 3, "nvidia 0000:8a:00.0: enabling device"}};
  function.host_uses = {{HostUseKind::kGpu, "/dev/nvidia0 is open"}};
  function.host_uses_known = true;
  return function;
}

Snapshot full_snapshot() {
  Snapshot snapshot;
  snapshot.host = {"host", "6.12.0", "3f0d7d3c-0c1e-4d6a-9a55-6f3f6f1f5d10",
                   1'767'000'000'000'000'000};
  snapshot.versions = {"0.1.0", "7.2.0", "9.0.0"};
  snapshot.coverage.tier = Tier::kSnapshot;
  snapshot.coverage.armed_since = "2026-01-01T00:00:00Z";
  snapshot.coverage.families = {
      {"vm_list", FamilyState::kAttached, "iterator", "VMs", {}},
      {"ledger/vhost-mm", FamilyState::kStale, "fentry", "who took a mm", {"mm/vhost"}}};
  snapshot.samples = {full_book(), Book{}};
  snapshot.settle_ns = 10'000'000'000;
  snapshot.management = full_management();
  snapshot.pci_functions = {full_function()};
  return snapshot;
}

TEST(SnapshotJson, LeadsBackToTheSameSnapshot) {
  const auto text = snapshot_to_json(full_snapshot()).dump();
  const auto read = snapshot_from_text(text);
  ASSERT_TRUE(read) << read.error().message;
  // All that is written is read: what is read is written as the same document.
  EXPECT_EQ(snapshot_to_json(*read).dump(), text);
}

TEST(SnapshotJson, KeepsValues) {
  const auto read = snapshot_from_text(snapshot_to_json(full_snapshot()).dump());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->settle_ns, 10'000'000'000U);
  ASSERT_EQ(read->samples.size(), 2U);
  const auto& book = read->samples[0];
  EXPECT_EQ(book.time_ns, 1'767'225'600'123'456'789U);
  ASSERT_EQ(book.nodes.size(), full_book().nodes.size());
  for (std::size_t i = 0; i < book.nodes.size(); ++i) {
    EXPECT_EQ(book.nodes[i].facts.index(), full_book().nodes[i].facts.index());
  }
  const auto& kvm = std::get<KvmFacts>(book.nodes[0].facts);
  EXPECT_EQ(kvm.memory_bytes, 2ULL << 30);
  EXPECT_TRUE(kvm.dying);
  EXPECT_EQ(book.nodes[0].address, 0xffff'8881'0000'0000U);
  EXPECT_EQ(std::get<ProcessFacts>(book.nodes[9].facts).start_time_ns, UINT64_MAX);
  EXPECT_FALSE(book.references[1].certain);
  EXPECT_EQ(book.closing_tasks[0].reason, ClosingReason::kExitMmap);
  EXPECT_TRUE(book.losses[1].kinds.empty());
}

TEST(SnapshotJson, KeepsTheLedger) {
  const auto read = snapshot_from_text(snapshot_to_json(full_snapshot()).dump());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->coverage.families[1].classes, std::vector<std::string>{"mm/vhost"});
  EXPECT_FALSE(read->samples[0].losses[0].in_ledger);
  EXPECT_TRUE(read->samples[0].losses[2].in_ledger);
  EXPECT_FALSE(read->samples[1].ledger);
  ASSERT_TRUE(read->samples[0].ledger);
  const auto& ledger = *read->samples[0].ledger;
  EXPECT_EQ(ledger.armed_ns, 1'767'225'500'000'000'001U);
  ASSERT_EQ(ledger.entries.size(), 3U);
  EXPECT_EQ(ledger.entries[0].references, 2);
  EXPECT_EQ(ledger.entries[0].stack[1], "kvm_dev_ioctl [kvm]");
  EXPECT_EQ(ledger.entries[1].state, EntryState::kPreexisting);
  EXPECT_EQ(ledger.entries[2].dropped.comm, "agent");
  ASSERT_EQ(ledger.sums.size(), 1U);
  EXPECT_TRUE(ledger.sums[0].at_or_below);
  EXPECT_TRUE(ledger.sums[0].stacks[1].is_put);
  EXPECT_EQ(ledger.dma[0].mapped_bytes, 1ULL << 34);
}

// Written before there was a ledger.
TEST(SnapshotJson, ReadsOneWithoutALedger) {
  auto document = snapshot_to_json(full_snapshot());
  document["samples"][0].erase("ledger");
  for (auto& loss : document["samples"][0]["losses"]) loss.erase("in_ledger");
  for (auto& family : document["coverage"]["families"]) family.erase("classes");
  const auto read = snapshot_from_text(document.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->samples[0].ledger);
  EXPECT_EQ(snapshot_to_json(*read), document);
}

TEST(SnapshotJson, LeavesOutAddressesThatWereNotAskedFor) {
  auto snapshot = full_snapshot();
  snapshot.samples[0].nodes[0].address = 0;
  EXPECT_FALSE(snapshot_to_json(snapshot)["samples"][0]["nodes"][0].contains("address"));
}

TEST(SnapshotJson, UsesNames) {
  const auto document = snapshot_to_json(full_snapshot());
  EXPECT_EQ(document["schema"], "vmleak.snapshot/1");
  EXPECT_EQ(document["coverage"]["tier"], "snapshot");
  EXPECT_EQ(document["samples"][0]["nodes"][1]["kind"], "vfio_group");
  EXPECT_EQ(document["samples"][0]["closing_tasks"][0]["reason"], "exit_mmap");
}

TEST(BookJson, LeadsBackToTheSameBook) {
  const auto document = book_to_json(full_book());
  const auto read = book_from_json(document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(book_to_json(*read), document);
}

TEST(ManagementJson, LeadsBackToTheSame) {
  const auto document = management_to_json(full_management());
  const auto read = management_from_json(document);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(management_to_json(*read), document);
}

std::string error_of(std::string_view text) {
  const auto read = snapshot_from_text(text);
  return read ? "no error" : read.error().message;
}

TEST(BadSnapshot, IsNotJson) {
  EXPECT_EQ(error_of(""), "not a JSON document");
  EXPECT_EQ(error_of("{"), "not a JSON document");
  EXPECT_EQ(error_of("\x7f"
                     "ELF"),
            "not a JSON document");
  const auto text = snapshot_to_json(full_snapshot()).dump();
  EXPECT_EQ(error_of(text.substr(0, text.size() / 2)), "not a JSON document");
}

TEST(BadSnapshot, IsAnotherDocument) {
  EXPECT_THAT(error_of("{}"), HasSubstr("not a vmleak snapshot"));
  EXPECT_THAT(error_of("[]"), HasSubstr("not a vmleak snapshot"));
  EXPECT_THAT(error_of("42"), HasSubstr("not a vmleak snapshot"));
  EXPECT_THAT(error_of(R"({"schema": "vmleak.audit/1"})"), HasSubstr("vmleak.audit/1"));
  EXPECT_THAT(error_of(R"({"schema": 1})"), HasSubstr("its schema is 1"));
}

struct Damage {
  std::string name;
  std::function<void(json&)> apply;
  std::string error;
};

class DamagedSnapshot : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedSnapshot, IsRefusedWithTheReason) {
  auto document = snapshot_to_json(full_snapshot());
  GetParam().apply(document);
  EXPECT_THAT(error_of(document.dump()), HasSubstr(GetParam().error));
}

json& first_node(json& document) { return document["samples"][0]["nodes"][0]; }

INSTANTIATE_TEST_SUITE_P(
    Damages, DamagedSnapshot,
    ::testing::Values(
        Damage{"NoHost", [](json& d) { d.erase("host"); }, "host"},
        Damage{"NoSamples", [](json& d) { d["samples"] = json::array(); }, "no samples"},
        Damage{"SamplesAreText", [](json& d) { d["samples"] = "none"; }, "array"},
        Damage{"UnknownTier", [](json& d) { d["coverage"]["tier"] = "magic"; }, "magic"},
        Damage{"UnknownKind", [](json& d) { first_node(d)["kind"] = "vfio"; }, "\"vfio\""},
        Damage{"FactsOfAnotherKind", [](json& d) { first_node(d)["kind"] = "vfio_group"; },
               "number"},
        Damage{"NoFacts", [](json& d) { first_node(d).erase("facts"); }, "facts"},
        Damage{"CounterIsText", [](json& d) { first_node(d)["counters"][0]["value"] = "seven"; },
               "number"},
        Damage{"CounterIsNotWhole", [](json& d) { first_node(d)["counters"][0]["value"] = 7.5; },
               "not whole"},
        Damage{"TimeDoesNotFit", [](json& d) { d["host"]["boot_time_ns"] = 7e22; }, "not fit"},
        Damage{"UnknownReason",
               [](json& d) { d["samples"][0]["closing_tasks"][0]["reason"] = "tired"; }, "tired"},
        Damage{"UnknownWait", [](json& d) { d["samples"][0]["waiting_tasks"][0]["wait"] = "tea"; },
               "tea"},
        Damage{"UnknownHostUse",
               [](json& d) { d["pci_functions"][0]["host_uses"][0]["kind"] = "heater"; }, "heater"},
        Damage{"NoManagement", [](json& d) { d.erase("management"); }, "management"},
        Damage{"UnknownLostKind",
               [](json& d) { d["samples"][0]["losses"][0]["kinds"][0] = "luck"; }, "luck"},
        Damage{"DanglingHolder",
               [](json& d) { d["samples"][0]["references"][0]["holder"] = "process:1"; },
               "unknown node \"process:1\""},
        Damage{"DanglingHeld", [](json& d) { d["samples"][0]["references"][0]["held"] = "kvm:2"; },
               "unknown node \"kvm:2\""},
        Damage{"UnknownStateOfAnEntry",
               [](json& d) { d["samples"][0]["ledger"]["entries"][0]["state"] = "lent"; }, "lent"},
        Damage{"MoreReferencesThanThereCanBe",
               [](json& d) {
                 d["samples"][0]["ledger"]["sums"][0]["gets"] = 9'000'000'000'000'000'000;
               },
               "more than there can be"},
        Damage{"EntryOfAnUnknownNode",
               [](json& d) { d["samples"][0]["ledger"]["entries"][0]["held"] = "kvm:3"; },
               "the ledger names the unknown node \"kvm:3\""},
        Damage{"CloseOfAnUnknownFile",
               [](json& d) { d["samples"][0]["ledger"]["closes"][0]["file"] = "file:9"; },
               "unknown node \"file:9\""},
        Damage{"TwoNodesWithOneId",
               [](json& d) { d["samples"][0]["nodes"].push_back(first_node(d)); },
               "two nodes have the id \"kvm:1\""}),
    [](const auto& test) { return test.param.name; });

TEST(BadBook, IsRefusedWithTheReason) {
  auto document = book_to_json(full_book());
  document["references"][0]["held"] = "kvm:9";
  const auto read = book_from_json(document);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("kvm:9"));
  EXPECT_FALSE(book_from_json(json("text")));
  EXPECT_FALSE(book_from_json(json(nullptr)));
}

}  // namespace
}  // namespace vmleak
