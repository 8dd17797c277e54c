// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/audit_json.h"
#include "report/audit_text.h"
#include "report/explain_report.h"
#include "report/origin_text.h"
#include "report_values.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using vmleak::testing::held_device;
using vmleak::testing::held_memory;
using vmleak::testing::leaked_group;
using vmleak::testing::report_of;

constexpr std::string_view kNow = "2026-01-02T03:03:00Z";
constexpr TextStyle kStyle{.colour = false, .unicode = true, .width = 100};

Origin taken() {
  Origin origin;
  origin.references = 1;
  origin.of = 2;
  origin.cls = "kvm/device-file";
  origin.function = "kvm_vm_ioctl";
  origin.module = "kvm";
  origin.stack = {"kvm_vm_ioctl [kvm]", "__x64_sys_ioctl", "do_syscall_64"};
  origin.pid = 4711;
  origin.comm = "qemu-system-x86";
  origin.domain = "gpu-07";
  origin.time = "2026-01-02T01:03:00Z";
  origin.object = {"kvm", "1", "VM 4711-11"};
  origin.counter = "users_count";
  return origin;
}

TEST(OriginText, SaysHowManyWhoWhenAndWhere) {
  EXPECT_THAT(origin_lines(taken(), kNow, "leaked", 2),
              ElementsAre("1 of 2 references leaked, taken 2 h ago by qemu-system-x86 4711 "
                          "(gpu-07) in kvm_vm_ioctl [kvm]",
                          "class kvm/device-file, users_count of VM 4711-11",
                          "at kvm_vm_ioctl [kvm] < __x64_sys_ioctl < 1 more"));
}

TEST(OriginText, CountsAllOfThemWithoutAFraction) {
  auto origin = taken();
  origin.references = 2;
  EXPECT_THAT(origin_lines(origin, kNow, "held", 8).at(0), HasSubstr("2 references held, taken"));
}

TEST(OriginText, SaysWhoForgotIt) {
  auto origin = taken();
  origin.of = 1;
  origin.state = OriginState::kForgotten;
  origin.function = "vhost_dev_set_owner";
  origin.module = "vhost";
  origin.dropped_in = "vhost_detach_mm";
  origin.dropped = OriginTask{4712, "vhost-4711", "", "2026-01-02T02:33:00Z"};
  EXPECT_EQ(origin_lines(origin, kNow, "leaked", 8).at(0),
            "1 reference leaked: vhost_detach_mm ran in vhost-4711 4712 30 min ago and did not "
            "give it back; taken 2 h ago by qemu-system-x86 4711 (gpu-07) in vhost_dev_set_owner "
            "[vhost]");
}

TEST(OriginText, ShowsEveryCandidate) {
  Origin origin;
  origin.state = OriginState::kUnbalanced;
  origin.references = origin.of = 2;
  origin.function = "take_kvm";
  origin.module = "gpu_vendor";
  origin.candidates = {{3,
                        "take_kvm",
                        false,
                        {"take_kvm [gpu_vendor]", "a"},
                        {77, "tool", "", "2026-01-02T03:02:00Z"}},
                       {1, "jump", true, {"jump [gpu_vendor]"}, {78, "tool", "", ""}}};
  EXPECT_THAT(
      origin_lines(origin, kNow, "leaked", 8),
      ElementsAre("2 references leaked, taken in take_kvm [gpu_vendor] and not given back; "
                  "2 stacks took some, any of them may be it",
                  "3 times in take_kvm [gpu_vendor], last 1 min ago by tool 77",
                  "at take_kvm [gpu_vendor] < a",
                  "1 time at or below jump [gpu_vendor], last by tool 78", "at jump [gpu_vendor]"));
}

TEST(OriginText, SaysThatAFileWasOpenedNotThatItsReferenceWasTaken) {
  auto origin = taken();
  origin.of = 1;
  origin.state = OriginState::kOpened;
  EXPECT_THAT(origin_lines(origin, kNow, "leaked", 8).at(0),
              HasSubstr("the file was opened 2 h ago by qemu-system-x86 4711 (gpu-07) in"));
}

TEST(OriginText, SaysWhatWasThereWhenArmed) {
  Origin origin;
  origin.state = OriginState::kPreexisting;
  origin.references = 1;
  EXPECT_EQ(origin_lines(origin, kNow, "leaked", 8).at(0),
            "1 reference was there when the ledger was armed: who took it is not known");
}

TEST(OriginText, SaysWhyNobodyIsKnown) {
  Coverage coverage;
  EXPECT_THAT(unknown_origin(coverage, kNow), HasSubstr("nothing was recording"));
  coverage.armed_since = "2026-01-02T02:03:00Z";
  EXPECT_THAT(unknown_origin(coverage, kNow),
              HasSubstr("taken before the ledger was armed, 1 h ago, or where no hook sees it"));
}

TEST(AuditTextWithALedger, HasTheOriginWithItsStack) {
  auto finding = leaked_group();
  finding.origins = {taken()};
  const auto text = audit_text(report_of({finding}), kStyle);
  EXPECT_THAT(text, HasSubstr("  Taken by   1 of 2 references leaked, taken 2 h ago by "
                              "qemu-system-x86 4711 (gpu-07) in\n"));
  EXPECT_THAT(text, HasSubstr("at kvm_vm_ioctl [kvm] < __x64_sys_ioctl < do_syscall_64\n"));
  EXPECT_THAT(text, Not(HasSubstr("unknown")));
}

TEST(AuditTextWithALedger, PrintsDriftWithoutAFinding) {
  auto report = report_of({});
  report.drift = {{{"kvm", "1", "VM 4711-11"}, "users_count", "kvm/vcpu-file", 1, 2}};
  const auto text = audit_text(report, kStyle);
  EXPECT_THAT(text, HasSubstr("No problem found."));
  EXPECT_THAT(text, HasSubstr("ledger drift: class kvm/vcpu-file is not reliable on this kernel: "
                              "VM 4711-11 has 1, 2 recorded"));
}

TEST(AuditJsonWithALedger, HasEveryFieldOfAnOrigin) {
  auto finding = leaked_group();
  auto origin = taken();
  origin.dropped = OriginTask{1, "a", "b", "2026-01-02T02:33:00Z"};
  origin.dropped_in = "f";
  origin.candidates = {{3, "g", true, {"s"}, {77, "tool", "", ""}}};
  finding.origins = {origin};
  const auto document = json::parse(audit_json(report_of({finding})));
  EXPECT_EQ(document["findings"][0]["origins"][0],
            json::parse(R"({"references": 1, "of": 2, "state": "taken",
      "object": {"kind": "kvm", "id": "1", "name": "VM 4711-11"}, "counter": "users_count",
      "class": "kvm/device-file", "holder": null, "function": "kvm_vm_ioctl", "module": "kvm",
      "at_or_below": false,
      "stack": ["kvm_vm_ioctl [kvm]", "__x64_sys_ioctl", "do_syscall_64"],
      "candidates": [{"references": 3, "function": "g", "at_or_below": true, "stack": ["s"],
                      "pid": 77, "comm": "tool", "domain": null, "time": null}],
      "pid": 4711, "comm": "qemu-system-x86", "domain": "gpu-07", "time": "2026-01-02T01:03:00Z",
      "dropped": {"function": "f", "pid": 1, "comm": "a", "domain": "b",
                  "time": "2026-01-02T02:33:00Z"}})"));
}

TEST(AuditJsonWithALedger, HasDriftInItsCoverage) {
  auto report = report_of({});
  report.drift = {{{"kvm", "1", "VM 4711-11"}, "users_count", "kvm/vcpu-file", 1, 2}};
  EXPECT_EQ(json::parse(audit_json(report))["coverage"]["drift"],
            json::parse(R"([{"object": {"kind": "kvm", "id": "1", "name": "VM 4711-11"},
      "counter": "users_count", "class": "kvm/vcpu-file", "seen": 1, "recorded": 2}])"));
}

Explanation recorded_device() {
  auto it = held_device();
  it.counters[0].recorded = {{{"vfio-device/file", 1, 1, 0}, {"vfio-device/lost", 0, 0, 2}}};
  it.origins = {taken()};
  it.evidence = {{"ledger drift", "class vfio-device/file is not reliable"}};
  return it;
}

TEST(ExplainWithALedger, HasItsColumnBesideTheEquation) {
  const auto text = explain_text({recorded_device()}, report_of({}), kStyle);
  EXPECT_THAT(text, HasSubstr("refcount 2 = registered 1 + file 1 + unaccounted 0\n"
                              "  ledger: file 2 (1 preexisting), lost 2 (2 forgotten)\n"));
  EXPECT_THAT(text, HasSubstr("  Taken by   1 of 2 references, taken 2 h ago by"));
  EXPECT_THAT(text, HasSubstr("class vfio-device/file is not reliable  [ledger drift]"));
}

TEST(ExplainWithALedger, HasItsColumnInTheClasses) {
  const auto document = json::parse(explain_json({recorded_device()}, report_of({})));
  const auto& target = document["targets"][0];
  EXPECT_EQ(target["counters"][0]["classes"], json::parse(R"([
      {"class": "vfio-device/registered", "references": 1, "recorded": 0, "preexisting": 0,
       "forgotten": 0},
      {"class": "vfio-device/file", "references": 1, "recorded": 2, "preexisting": 1,
       "forgotten": 0},
      {"class": "vfio-device/lost", "references": 0, "recorded": 2, "preexisting": 0,
       "forgotten": 2}])"));
  EXPECT_EQ(target["origins"].size(), 1U);
  EXPECT_EQ(target["evidence"][0]["source"], "ledger drift");
}

TEST(ExplainWithALedger, HasAFindingsOriginsAboutOtherObjectsToo) {
  auto finding = held_memory();
  auto other = taken();
  other.object = {"open_file", "3", "/dev/vfio/17"};
  auto own = taken();
  own.object = held_device().object;
  finding.origins = {own, other};
  auto it = recorded_device();
  it.origins = {own};
  const auto document = json::parse(explain_json({it}, report_of({finding})));
  ASSERT_EQ(document["targets"][0]["origins"].size(), 2U);
  EXPECT_EQ(document["targets"][0]["origins"][1]["object"]["kind"], "open_file");
}

}  // namespace
}  // namespace vmleak
