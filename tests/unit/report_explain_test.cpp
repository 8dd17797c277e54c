// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/explain_report.h"
#include "report_values.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using vmleak::testing::held_device;
using vmleak::testing::held_memory;
using vmleak::testing::report_of;

TEST(ExplainText, ShowsTheEquationAndTheWholeTree) {
  EXPECT_EQ(explain_text({held_device()}, report_of({held_memory()}), {.width = 80}),
            "VFIO device 0000:5c:00.0 NVIDIA A100                                        HELD\n"
            "  State      its VM is gone, containerd-shim 8733 keeps it\n"
            "  Owner      kata-9f, gone, pid 8751  [cgroup]\n"
            "             driver: vfio-pci\n"
            "             group: 17\n"
            "  Finding    b07e44 held: containerd-shim 8733 keeps the memory of a VM that is\n"
            "             gone\n"
            "\n"
            "refcount 2 = registered 1 + file 1 + unaccounted 0\n"
            "└─ /dev/vfio/17   f_count 2 = fd 2 + unaccounted 0\n"
            "   ├─ containerd-shim 8733, fd 18   <- act here\n"
            "   └─ backup 99, fd 3   <- act here\n"
            "\n");
}

TEST(ExplainText, UsesAsciiWhereThereIsNothingElse) {
  const auto text = explain_text({held_device()}, report_of({}), {.unicode = false, .width = 80});
  EXPECT_THAT(text, HasSubstr("   |- containerd-shim 8733"));
  EXPECT_TRUE(std::all_of(text.begin(), text.end(),
                          [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

TEST(ExplainText, DoesNotSayTheSameTwice) {
  auto it = held_device();
  it.state = held_memory().summary;
  EXPECT_THAT(explain_text({it}, report_of({held_memory()}), {}), Not(HasSubstr("State")));
}

TEST(ExplainText, NamesAProcessWithItsPid) {
  Explanation it;
  it.object = {"process", "4711", "qemu-system-x86"};
  EXPECT_THAT(explain_text({it}, report_of({}), {}), HasSubstr("process qemu-system-x86 4711 "));
}

TEST(ExplainText, AsksNobodyToActWhenNothingIsWrong) {
  auto it = held_device();
  it.verdict = Verdict::kClean;
  EXPECT_THAT(explain_text({it}, report_of({}), {}), Not(HasSubstr("act here")));
}

TEST(ExplainText, ShowsWhatAClosingTaskWaitsFor) {
  auto it = held_device();
  it.closing_tasks = {
      {8752, 8751, "CPU 0/KVM", "D", ClosingReason::kTaskWork, {"schedule", "__fput"}, false}};
  EXPECT_THAT(explain_text({it}, report_of({}), {}),
              HasSubstr("  Closing    CPU 0/KVM 8752 of process 8751, state D: task_work\n"
                        "             in schedule < __fput\n"));
}

TEST(ExplainJson, FlattensTheTreeIntoChainsAndKeepsTheTree) {
  const auto document = json::parse(explain_json({held_device()}, report_of({held_memory()})));
  EXPECT_EQ(document["schema"], "vmleak.explain/1");
  const auto& target = document["targets"][0];
  EXPECT_EQ(target["verdict"], "held");
  EXPECT_EQ(target["properties"][0], (json{{"name", "driver"}, {"value", "vfio-pci"}}));
  ASSERT_EQ(target["holders"].size(), 2U);
  EXPECT_EQ(target["holders"][0]["chain"][0]["name"], "/dev/vfio/17");
  EXPECT_EQ(target["holders"][1]["chain"][1]["comm"], "backup");
  EXPECT_EQ(target["holder_tree"][0]["counters"][0]["value"], 2);
  EXPECT_EQ(target["holder_tree"][0]["holders"][0]["pid"], 8733);
  ASSERT_EQ(target["findings"].size(), 1U);
  EXPECT_EQ(target["findings"][0]["id"], "b07e44");
}

TEST(ExplainJson, CountsTheReferencesOfWhoCanAct) {
  auto it = held_device();
  it.holders[0].holders[0].references = 5;
  const auto document = json::parse(explain_json({it}, report_of({})));
  EXPECT_EQ(document["targets"][0]["holders"][0]["references"], 5);
  EXPECT_EQ(document["targets"][0]["holders"][1]["references"], 1);
}

}  // namespace
}  // namespace vmleak
