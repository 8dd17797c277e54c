// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/audit_text.h"
#include "report_values.h"

namespace vmleak {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using vmleak::testing::held_memory;
using vmleak::testing::leaked_group;
using vmleak::testing::report_of;

constexpr TextStyle kStyle{.colour = false, .unicode = true, .width = 90};

TEST(AuditText, ReadsAsAPageAboutALeak) {
  EXPECT_EQ(
      audit_text(report_of({leaked_group()}), kStyle),
      "LEAKED  VFIO group 0000:8a:00.0 NVIDIA A100                                      id 3f9c1a\n"
      "  Cause      1 reference on the file of VFIO group 42 that nobody holds\n"
      "             open file /dev/vfio/42: f_count 1 = 0 holders + unaccounted 1\n"
      "  Impact     open /dev/vfio/42: Device or resource busy; for 2 h 3 min\n"
      "  Last user  gpu-07 (5b1e0c2a), gone, pid 4711  [command line]\n"
      "  Taken by   unknown: nothing was recording when it was taken (\"vmleak arm\" records the\n"
      "             next one)\n"
      "  Keeps too  IOMMU group 42: can't be given to another VM\n"
      "  Evidence   the same in 3 samples over 10 s  [samples]\n"
      "  Do         tell whoever runs that module (low risk)\n"
      "\n"
      "1 problem: 1 leaked. 37 VMs fine.\n"
      "Looked at 41,207 open files and 912 mappings. Complete: nothing lost.\n");
}

TEST(AuditText, NamesWhoCanActBeforeTheWayToIt) {
  const auto text = audit_text(report_of({held_memory()}), kStyle);
  EXPECT_THAT(text, HasSubstr("HELD    address space of qemu-system-x86 8751"));
  EXPECT_THAT(text, HasSubstr("  Held by    containerd-shim 8733, fd 18\n"
                              "             through /dev/vhost-net, owner -> vhost-8751 8760\n"));
  EXPECT_THAT(text, HasSubstr("64 GiB of memory not given back"));
  EXPECT_THAT(text, Not(HasSubstr("Taken by")));
}

TEST(AuditText, SaysCleanInTwoLines) {
  EXPECT_EQ(audit_text(report_of({}), {.width = 200}, std::chrono::milliseconds(210)),
            "No problem found. 37 VMs fine.\n"
            "Looked at 41,207 open files and 912 mappings in 0.21 s. Complete: nothing lost.\n");
}

TEST(AuditText, NeverSaysCompleteWhenSomethingWasLost) {
  auto report = report_of({});
  report.verdict = Verdict::kInconclusive;
  report.losses = {{"mappings: list changed during 3 walks", 3, {NodeKind::kVfioDevice}},
                   {"helper: no answer", 1, {}}};
  const auto text = audit_text(report, kStyle);
  EXPECT_THAT(text, HasSubstr("INCONCLUSIVE not everything could be seen"));
  EXPECT_THAT(text, HasSubstr("mappings: list changed during 3 walks (3 times)  "
                              "[touches VFIO device]"));
  EXPECT_THAT(text, HasSubstr("helper: no answer  [touches everything]"));
  EXPECT_THAT(text, EndsWith("Incomplete: see above.\n"));
  EXPECT_THAT(text, HasSubstr("No problem found in what could be seen."));
}

TEST(AuditText, SaysThatProcAloneDecidesNothing) {
  auto report = report_of({});
  report.verdict = Verdict::kInconclusive;
  report.coverage.tier = Tier::kProc;
  EXPECT_THAT(audit_text(report, kStyle), HasSubstr("vmleak doctor"));
}

TEST(AuditText, CountsEachVerdictAndNamesOnlyProblemsSo) {
  auto releasing = held_memory();
  releasing.verdict = Verdict::kReleasing;
  auto unsure = leaked_group();
  unsure.verdict = Verdict::kInconclusive;
  EXPECT_THAT(audit_text(report_of({leaked_group(), held_memory(), unsure, releasing}), kStyle),
              HasSubstr("2 problems: 1 leaked, 1 held; 1 inconclusive, 1 releasing."));
}

TEST(AuditText, PointsToExplainForWhatDoesNotFitOnAScreen) {
  auto finding = held_memory();
  finding.holders.resize(1);
  finding.holders.resize(10, finding.holders.front());
  const auto text = audit_text(report_of({finding}), kStyle);
  EXPECT_THAT(text, HasSubstr("More       6 lines not shown: vmleak explain b07e44"));
}

TEST(AuditText, DoesNotLetAProcessNameRewriteTheTerminal) {
  auto finding = held_memory();
  finding.holders.front().chain.back().comm = "\x1b]0;x\a";
  EXPECT_THAT(audit_text(report_of({finding}), kStyle), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace vmleak
