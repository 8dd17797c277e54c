// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "book_fixture.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using testing::evidence;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kNow;
using testing::kSecond;
using testing::only_finding;
using testing::settled;
using testing::TestHost;

constexpr auto kDevice = "0000:8a:00.0";
constexpr auto kAudio = "0000:8a:00.1";
constexpr auto kUuid = "5b1e0c2a-0000-4000-8000-000000000001";
constexpr auto kOtherUuid = "5b1e0c2a-0000-4000-8000-000000000002";

// A host on which gpu-07 ran with a device for an hour, which ended an hour
// ago; the device is still on vfio-pci.
class LeftBehind : public ::testing::Test {
 protected:
  LeftBehind() {
    host.idle_device(42, kDevice);
    PastRun run;
    run.name = "gpu-07";
    run.uuid = kUuid;
    run.source = "libvirt domain log";
    run.where = "/var/log/libvirt/qemu/gpu-07.log";
    run.started_ns = kNow - 7200 * kSecond;
    run.ended_ns = kNow - 3600 * kSecond;
    run.end_reason = "shutting down, reason=destroyed";
    run.host_devices = {{kDevice, "", false}};
    management.past_runs = {run};
    PciFunction function;
    function.address = kDevice;
    function.name = "NVIDIA A100";
    function.driver = "vfio-pci";
    function.driver_override = "vfio-pci";
    function.native_drivers = {"nvidia"};
    function.iommu_group = 42;
    functions = {function};
  }

  PciFunction& device() { return functions.front(); }
  PastRun& run() { return management.past_runs.front(); }
  void driver_had_it_before(std::uint64_t seconds) {
    device().driver_messages = {
        {"nvidia", run().started_ns - seconds * kSecond, "nvidia 0000:8a:00.0: removed"}};
  }
  void add_audio() {
    PciFunction audio;
    audio.address = kAudio;
    audio.native_drivers = {"snd_hda_intel"};
    audio.iommu_group = 42;
    functions.push_back(audio);
  }
  void define(const std::string& name, const std::string& uuid, bool active, bool managed) {
    Domain domain;
    domain.name = name;
    domain.uuid = uuid;
    domain.source = "libvirt";
    domain.active = active;
    domain.persistent = true;
    domain.host_devices = {{kDevice, "", managed}};
    management.domains.push_back(domain);
  }

  Snapshot snapshot() {
    auto out = settled(host.book());
    out.host.boot_time_ns = kNow - 86'400 * kSecond;
    out.management = management;
    out.pci_functions = functions;
    return out;
  }
  AuditReport report() { return audit(snapshot()); }

  TestHost host;
  Management management;
  std::vector<PciFunction> functions;
};

// Its start failed because of what gpu-07 has left.
TEST_F(LeftBehind, AVmThatFailedToStartIsNotTheLastUser) {
  driver_had_it_before(5);
  auto next = run();
  next.name = "gpu-08";
  next.uuid = kOtherUuid;
  next.started_ns = kNow - 1800 * kSecond;
  next.ended_ns = next.started_ns + kSecond;
  next.end_reason = "shutting down, reason=failed";
  management.past_runs.push_back(next);
  const auto finding = only_finding(audit(snapshot()));
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "gpu-07");
}

TEST_F(LeftBehind, IsStaleWhenItWasTakenFromItsDriver) {
  driver_had_it_before(2);
  const auto finding = only_finding(report());
  EXPECT_EQ(finding.verdict, Verdict::kStale);
  EXPECT_EQ(finding.rule, "stale-device");
  EXPECT_EQ(finding.object.kind, "vfio_device");
  EXPECT_THAT(finding.impact.devices, ElementsAre(kDevice));
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "gpu-07");
  EXPECT_EQ(finding.owner->state, OwnerState::kGone);
  EXPECT_EQ(finding.owner->source, "libvirt domain log");
  EXPECT_EQ(finding.since, "2025-12-31T23:00:00Z");
  EXPECT_THAT(evidence(finding, "libvirt domain log"), HasSubstr("reason=destroyed"));
  EXPECT_THAT(evidence(finding, "kernel log"), HasSubstr("2 s before the VM started"));
  ASSERT_EQ(finding.remedies.size(), 1U);
  EXPECT_EQ(finding.remedies[0].command, "vmleak release 0000:8a:00.0");
}

TEST_F(LeftBehind, IsStaleWhenTheManagerSaysSo) {
  run().host_devices[0].managed = true;
  EXPECT_EQ(only_finding(report()).verdict, Verdict::kStale);
  run().host_devices[0].managed = false;
  define("gpu-07", kUuid, false, true);
  const auto finding = only_finding(report());
  EXPECT_EQ(finding.verdict, Verdict::kStale);
  EXPECT_EQ(finding.owner->state, OwnerState::kShutoff);
}

TEST_F(LeftBehind, IsFreeWithoutEvidenceOfADriver) {
  EXPECT_EQ(report().verdict, Verdict::kClean);
  driver_had_it_before(4000);  // a script at boot put it there
  EXPECT_EQ(report().verdict, Verdict::kClean);
  device().driver_messages[0].time_ns = run().started_ns + kSecond;  // of another time
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, IsFreeWhenParkedOnPurpose) {
  run().host_devices[0].managed = true;
  device().parking = {{"kernel command line", "vfio-pci.ids=10de:20b0"}};
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, IsFreeWhenADefinedDomainWantsItOnVfio) {
  driver_had_it_before(2);
  define("gpu-08", kOtherUuid, false, false);
  EXPECT_EQ(report().verdict, Verdict::kClean);
  management.domains.front().host_devices = {{"0000:8b:00.0", "", false}};  // another device
  EXPECT_EQ(only_finding(report()).verdict, Verdict::kStale);
  // managed='yes': libvirt takes it from its driver itself.
  management.domains.front().host_devices = {{kDevice, "", true}};
  EXPECT_EQ(only_finding(report()).verdict, Verdict::kStale);
}

TEST_F(LeftBehind, IsNotStaleForARunOfAnotherBoot) {
  run().host_devices[0].managed = true;
  run().started_ns = kNow - 100'000 * kSecond;
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, IsNotStaleWhileAnybodyUsesIt) {
  run().host_devices[0].managed = true;
  define("gpu-08", kOtherUuid, true, true);
  EXPECT_EQ(report().verdict, Verdict::kClean);
  management.domains.clear();
  TestHost busy;
  busy.vm_with_device(4711, 42, kDevice);
  host = busy;
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, IsNotStaleWhileItsVmRuns) {
  run().host_devices[0].managed = true;
  run().ended_ns = 0;
  run().pid = 4711;
  const auto process = host.process(4711);
  host.facts<ProcessFacts>(process).vm = {"gpu-07", kUuid, "qemu", "command line"};
  EXPECT_EQ(report().verdict, Verdict::kClean);
  host.dies(4711);
  EXPECT_EQ(report().verdict, Verdict::kStale);
}

TEST_F(LeftBehind, IsNotSaidBeforeItSettles) {
  run().host_devices[0].managed = true;
  auto early = snapshot();
  early.samples.erase(early.samples.begin(), early.samples.end() - 1);
  EXPECT_EQ(audit(early).verdict, Verdict::kInconclusive);
  EXPECT_TRUE(has_suspects(early));
  device().parking = {{"modprobe.d", "ids"}};
  EXPECT_FALSE(has_suspects(snapshot()));
}

TEST_F(LeftBehind, BelongsToTheLastOfTwoDomains) {
  auto earlier = run();
  earlier.name = "gpu-06";
  earlier.uuid = kOtherUuid;
  earlier.started_ns -= 3600 * kSecond;
  earlier.ended_ns = run().started_ns - 60 * kSecond;
  management.past_runs.push_back(earlier);
  run().host_devices[0].managed = true;
  const auto finding = only_finding(report());
  EXPECT_EQ(finding.owner->name, "gpu-07");
  EXPECT_THAT(evidence(finding, "libvirt domain log"), HasSubstr("gpu-06"));
  EXPECT_THAT(evidence(finding, "libvirt domain log"), HasSubstr("the last user counts"));
}

TEST_F(LeftBehind, IsNamedByTheMostTrustedRecordOfARun) {
  run().host_devices[0].managed = true;
  // The same run as all kinds of records tell it, with starts a little apart.
  const auto domain_log = run();
  management.past_runs.clear();
  for (std::size_t i = kRecordSources.size(); i-- > 0;) {
    auto record = domain_log;
    record.source = kRecordSources[i];
    record.where = "record " + std::to_string(i);
    record.started_ns -= i * kSecond;  // the least trusted began first
    management.past_runs.push_back(record);
  }
  for (const auto source : kRecordSources) {
    EXPECT_EQ(only_finding(report()).owner->source, source);
    // Whatever the order in which they began.
    auto turned = management.past_runs;
    for (auto& record : turned) record.started_ns = 2 * domain_log.started_ns - record.started_ns;
    std::swap(turned, management.past_runs);
    EXPECT_EQ(only_finding(report()).owner->source, source);
    std::swap(turned, management.past_runs);
    management.past_runs.pop_back();
  }
}

TEST_F(LeftBehind, BelongsToTheLastRunHoweverLittleItsRecordIsTrusted) {
  run().host_devices[0].managed = true;
  run().source = kLinuxAudit;
  auto later = run();
  later.name = "gpu-08";
  later.uuid = kOtherUuid;
  later.source = kProxmox;
  later.started_ns = run().ended_ns + 60 * kSecond;
  later.ended_ns = later.started_ns + 60 * kSecond;
  management.past_runs.push_back(later);
  EXPECT_EQ(only_finding(report()).owner->name, "gpu-08");
  // Another run of the same VM is not the same run.
  run().uuid = kOtherUuid;
  EXPECT_EQ(only_finding(report()).owner->source, "Proxmox");
}

TEST_F(LeftBehind, IsOneFindingWhenItIsHeldToo) {
  run().host_devices[0].managed = true;
  TestHost busy;
  const auto vm = busy.vm_with_device(4711, 42, kDevice);
  busy.hide(vm.group_file);
  busy.dies(4711);
  host = busy;
  EXPECT_EQ(only_finding(report()).rule, "owner-gone");
}

TEST_F(LeftBehind, NamesTheOwnerOfWhatIsLeaked) {
  TestHost busy;
  const auto vm = busy.vm_with_device(4711, 42, kDevice);
  busy.hide(vm.group_file);
  busy.dies(4711);
  host = busy;
  auto finding = only_finding(report());
  ASSERT_TRUE(finding.owner);
  EXPECT_EQ(finding.owner->name, "gpu-07");
  EXPECT_EQ(finding.owner->source, "libvirt domain log");
  EXPECT_THAT(finding.summary, HasSubstr("gpu-07"));
  EXPECT_THAT(evidence(finding, "libvirt domain log"), HasSubstr("reason=destroyed"));
  // A process that used it says more than a device that many had.
  auto by_pid = run();
  by_pid.name = "gpu-09";
  by_pid.uuid = kOtherUuid;
  by_pid.source = "Linux audit log";
  by_pid.pid = finding.owner->pid;
  by_pid.host_devices.clear();
  management.past_runs.push_back(by_pid);
  ASSERT_NE(by_pid.pid, 0);
  EXPECT_EQ(only_finding(report()).owner->name, "gpu-09");
  // machined knows the process, the domain's log more of the same run.
  by_pid.source = kMachined;
  management.past_runs.back() = by_pid;
  by_pid.source = kLibvirtLog;
  by_pid.pid = 0;
  by_pid.where = "gpu-09.log";
  management.past_runs.push_back(by_pid);
  finding = only_finding(report());
  EXPECT_EQ(finding.owner->source, kLibvirtLog);
  EXPECT_THAT(evidence(finding, "libvirt domain log"), HasSubstr("gpu-09.log"));
  management.past_runs.clear();
  EXPECT_NE(only_finding(report()).owner->name, "gpu-07");
}

TEST_F(LeftBehind, HasAnOverrideThatNobodyAskedFor) {
  host = TestHost();
  device().driver.clear();
  const auto finding = only_finding(report());
  EXPECT_EQ(finding.verdict, Verdict::kStale);
  EXPECT_EQ(finding.rule, "driver-override-left");
  EXPECT_EQ(finding.object.kind, "pci_device");
  EXPECT_THAT(finding.summary, HasSubstr("driver_override=vfio-pci left from gpu-07"));
  device().parking = {{"driverctl", "/etc/driverctl.d/0000:8a:00.0"}};
  EXPECT_EQ(report().verdict, Verdict::kClean);
  device().parking.clear();
  device().driver_override.clear();
  device().driver = "nvidia";
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, HasACompanionWithoutDriver) {
  add_audio();
  EXPECT_EQ(report().verdict, Verdict::kClean);  // it may never have had one
  functions[1].driver_messages = {{"snd_hda_intel", kNow - 8000 * kSecond, "enabling device"}};
  const auto finding = only_finding(report());
  EXPECT_EQ(finding.rule, "companion-unbound");
  EXPECT_EQ(finding.object.id, kAudio);
  EXPECT_EQ(finding.owner->name, "gpu-07");
  functions[1].driver = "snd_hda_intel";
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, HasNoCompanionToMissWhileTheDeviceIsInUse) {
  add_audio();
  functions[1].driver_messages = {{"snd_hda_intel", kNow - 8000 * kSecond, "enabling device"}};
  define("gpu-08", kOtherUuid, true, true);
  EXPECT_EQ(report().verdict, Verdict::kClean);
}

TEST_F(LeftBehind, HasAFunctionThatTheVmHadItself) {
  host = TestHost();
  device().driver.clear();
  device().driver_override.clear();
  EXPECT_EQ(only_finding(report()).rule, "companion-unbound");
  device().native_drivers.clear();
  EXPECT_THAT(report().findings, IsEmpty());
}

}  // namespace
}  // namespace vmleak
