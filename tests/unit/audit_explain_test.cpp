// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "audit/explain.h"
#include "book_fixture.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::Machine;
using ::testing::Pair;
using testing::settled;
using testing::TestHost;

Explanation explain_one(TestHost& host, const NodeId& id) {
  const auto snapshot = settled(host.book());
  const auto report = audit(snapshot);
  auto all = explain(snapshot, report, {id});
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? Explanation{} : all.front();
}

class Explain : public ::testing::Test {
 protected:
  TestHost host;
  Machine vm = host.vm_with_device(4711, 42);
};

TEST_F(Explain, AnObjectInUse) {
  const auto it = explain_one(host, vm.device);
  EXPECT_EQ(it.verdict, Verdict::kClean);
  EXPECT_EQ(it.state, "in use by qemu-system-x86 4711 (domain gpu-4711)");
  ASSERT_TRUE(it.owner);
  EXPECT_EQ(it.owner->name, "gpu-4711");
  EXPECT_EQ(it.owner->state, OwnerState::kRunning);
  EXPECT_THAT(it.properties, Contains(Pair("driver", "vfio-pci")));
  ASSERT_EQ(it.counters.size(), 2U);
  EXPECT_EQ(it.counters[0].name, "refcount");
  EXPECT_EQ(it.counters[0].value, 2);
  EXPECT_EQ(it.counters[0].classes.size(), 2U);
  EXPECT_EQ(it.counters[0].unaccounted, 0);
  EXPECT_TRUE(it.finding_ids.empty());
}

TEST_F(Explain, ShowsAHolderOncePerObject) {
  const auto it = explain_one(host, vm.device);
  ASSERT_EQ(it.holders.size(), 1U);  // one file, though it is in two counters
  const auto& file = it.holders[0];
  EXPECT_EQ(file.link.kind, "open_file");
  ASSERT_EQ(file.counters.size(), 1U);
  EXPECT_EQ(file.counters[0].value, 2);
  ASSERT_EQ(file.holders.size(), 2U);  // descriptor and mapping
  EXPECT_EQ(file.holders[0].link.pid, 4711);
  EXPECT_EQ(file.holders[0].link.detail, "fd 23");
  EXPECT_EQ(file.holders[1].link.kind, "mm");
  ASSERT_EQ(file.holders[1].holders.size(), 1U);
  EXPECT_EQ(file.holders[1].holders[0].link.pid, 4711);
}

TEST_F(Explain, EndsInCycles) {
  const auto it = explain_one(host, vm.group);  // group and container keep each other
  EXPECT_FALSE(it.holders.empty());
}

TEST_F(Explain, AnIdleObject) {
  const auto idle = host.idle_device(43, "0000:8b:00.0");
  const auto it = explain_one(host, idle.device);
  EXPECT_EQ(it.verdict, Verdict::kClean);
  EXPECT_EQ(it.state, "idle: nobody uses it");
  EXPECT_FALSE(it.owner);
  EXPECT_TRUE(it.holders.empty());
}

TEST_F(Explain, AnUnexplainedReferenceOfALiveObject) {
  host.unexplained(vm.kvm, "users_count", 1);
  const auto it = explain_one(host, vm.kvm);
  EXPECT_EQ(it.verdict, Verdict::kClean);
  EXPECT_EQ(it.counters[0].unaccounted, 1);
}

TEST_F(Explain, ALeak) {
  host.hide(vm.device_file);
  host.dies(4711);
  const auto it = explain_one(host, vm.group);
  EXPECT_EQ(it.verdict, Verdict::kLeaked);
  EXPECT_EQ(it.finding_ids.size(), 1U);
  EXPECT_THAT(it.state, HasSubstr("0000:8a:00.0"));
  const auto device = explain_one(host, vm.device);
  ASSERT_EQ(device.holders.size(), 1U);
  EXPECT_EQ(device.holders[0].link.name, "kernel, unknown");
}

TEST_F(Explain, TheHolderOfALeak) {
  host.fd(host.process(900, "thief"), vm.device_file);
  host.dies(4711);
  const auto it = explain_one(host, "process:900");
  EXPECT_EQ(it.verdict, Verdict::kHeld);
  EXPECT_EQ(it.finding_ids.size(), 1U);
}

TEST_F(Explain, WhoIsStillClosingIt) {
  host.exits(4711);
  host.closing(4713, 4711, ClosingReason::kTaskWork);
  host.closing(901, 900, ClosingReason::kExiting);
  const auto it = explain_one(host, vm.device);
  EXPECT_EQ(it.verdict, Verdict::kReleasing);
  ASSERT_EQ(it.closing_tasks.size(), 1U);
  EXPECT_EQ(it.closing_tasks[0].tid, 4713);
}

TEST_F(Explain, AProcess) {
  const auto it = explain_one(host, vm.process);
  EXPECT_EQ(it.state, "running");
  EXPECT_THAT(it.properties, Contains(Pair("domain", "gpu-4711")));
}

TEST_F(Explain, AnIommuGroup) { EXPECT_EQ(explain_one(host, vm.iommu_group).state, "viable"); }

TEST_F(Explain, AnOpenFile) {
  const auto it = explain_one(host, vm.vm_file);
  EXPECT_EQ(it.state, "open in qemu-system-x86 4711 (domain gpu-4711)");
}

TEST_F(Explain, NothingForSureAfterALoss) {
  host.loses("mappings: list changed", {NodeKind::kMm});
  EXPECT_EQ(explain_one(host, vm.device).verdict, Verdict::kInconclusive);
  EXPECT_EQ(explain_one(host, vm.iommu_group).verdict, Verdict::kClean);
}

TEST_F(Explain, InTheOrderAsked) {
  const auto snapshot = settled(host.book());
  const auto report = audit(snapshot);
  const auto all = explain(snapshot, report, {vm.kvm, vm.device, "kvm:nowhere"});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].object.kind, "kvm");
  EXPECT_EQ(all[1].object.kind, "vfio_device");
  EXPECT_EQ(all[2].verdict, Verdict::kInconclusive);
  EXPECT_TRUE(explain(Snapshot{}, {}, {vm.kvm}).empty());
}

class ExplainWithALedger : public Explain {
 protected:
  void SetUp() override {
    host.arm();
    host.record_all(4711);
  }
};

TEST_F(ExplainWithALedger, HasItsColumnAndWhoTookWhatIsNoLeak) {
  const auto it = explain_one(host, vm.kvm);
  EXPECT_EQ(it.verdict, Verdict::kClean);
  ASSERT_EQ(it.counters.size(), 1U);
  ASSERT_TRUE(it.counters[0].recorded);
  ASSERT_EQ(it.counters[0].recorded->size(), 4U);
  EXPECT_EQ(it.counters[0].recorded->front().cls, "kvm/vm-file");
  EXPECT_EQ(it.counters[0].recorded->front().out, 1);
  ASSERT_EQ(it.origins.size(), 4U);
  EXPECT_EQ(it.origins[0].domain, "gpu-4711");
  EXPECT_EQ(it.origins[0].of, 4);  // users_count
}

TEST_F(ExplainWithALedger, HasTheSumsOfOtherModules) {
  host.outside(vm.kvm, "take_kvm", "gpu_vendor", 5, 4);
  host.outside(vm.kvm, "take_kvm", "even_vendor", 5, 5);
  const auto it = explain_one(host, vm.kvm);
  ASSERT_EQ(it.origins.size(), 5U);
  EXPECT_EQ(it.origins[4].state, OriginState::kUnbalanced);
  EXPECT_EQ(it.origins[4].references, 1);
  EXPECT_EQ(it.origins[4].module, "gpu_vendor");
}

TEST_F(ExplainWithALedger, HasAForgottenReferenceOnlyWhileOneIsLeft) {
  host.forgets("kvm/vm-stats-file", vm.kvm, 4711);
  EXPECT_EQ(explain_one(host, vm.kvm).origins.size(), 5U);
  host.unexplained(vm.kvm, "users_count", 0);
  EXPECT_EQ(explain_one(host, vm.kvm).origins.size(), 4U);
}

TEST_F(ExplainWithALedger, SaysWhichClassDrifts) {
  host.record("kvm/vcpu-file", vm.kvm, "", 4711);
  const auto it = explain_one(host, vm.kvm);
  EXPECT_EQ(it.verdict, Verdict::kClean);
  ASSERT_EQ(it.evidence.size(), 1U);
  EXPECT_EQ(it.evidence[0].source, "ledger drift");
  EXPECT_THAT(it.evidence[0].text, HasSubstr("kvm/vcpu-file is not reliable on this kernel: 2 "
                                             "recorded, 1 seen"));
  EXPECT_TRUE(explain_one(host, vm.device).evidence.empty());
}

TEST_F(ExplainWithALedger, SaysHowMuchWasMappedForDma) {
  host.ledger().dma = {{vm.container, 4ULL << 30, 1ULL << 30, 12, 3}};
  EXPECT_THAT(explain_one(host, vm.container).properties,
              Contains(Pair("DMA since the ledger was armed",
                            "4 GiB mapped in 12 calls, 1 GiB unmapped in 3")));
}

TEST_F(ExplainWithALedger, SaysWhoClosedAnImageLastAndWhoStillHasIt) {
  const auto open = host.file("image", "/images/a.qcow2");
  host.fd(host.process(900, "backup"), open);
  auto book = host.book();
  Node image;
  image.id = "file:8:1";
  image.kind = NodeKind::kFile;
  image.facts = FileFacts{"/images/a.qcow2", 8, 1, 1 << 20, false};
  book.nodes.push_back(image);
  book.references.push_back({open, image.id, "", "image/open-file", 1, true, ""});
  book.ledger->closes = {{image.id, 3, {4711, 4711, "qemu-system-x86", testing::kNow}}};
  const auto snapshot = settled(book);
  const auto it = explain(snapshot, audit(snapshot), {image.id}).at(0);
  EXPECT_THAT(it.properties, Contains(Pair("last closed",
                                           "2026-01-01T00:00:00Z by qemu-system-x86 4711 "
                                           "(gpu-4711), 3 closes since 2025-12-31T21:00:00Z")));
  EXPECT_THAT(it.state, HasSubstr("backup 900"));
}

}  // namespace
}  // namespace vmleak
