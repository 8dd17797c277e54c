// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/doctor_report.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Coverage coverage() {
  return {Tier::kSnapshot,
          "",
          {{"files", FamilyState::kAttached, "iter/task_file", ""},
           {"vm_list", FamilyState::kMissing, "", "VMs without any file or debugfs entry"}}};
}

TEST(DoctorText, SaysWhatWorksAndWhatIsLost) {
  const auto text =
      doctor_text(coverage(), {"host-a", "6.1.0-28-amd64", ""}, {"0.1.0", "", ""}, {});
  EXPECT_THAT(text, HasSubstr("vmleak 0.1.0 on host-a, kernel 6.1.0-28-amd64\n"));
  EXPECT_THAT(text, HasSubstr("  Tier       snapshot: "));
  EXPECT_THAT(text, HasSubstr("  attached   files                   iter/task_file\n"));
  EXPECT_THAT(text, HasSubstr("  missing    vm_list                 -\n"
                              "             lost: VMs without any file or debugfs entry\n"));
  EXPECT_THAT(text, HasSubstr("Not available: 1 of 2.\n"));
}

TEST(DoctorJson, HasTheSameCoverageObjectAsAnAudit) {
  const auto document =
      json::parse(doctor_json(coverage(), {"host-a", "6.1", ""}, {"0.1.0", "", ""}));
  EXPECT_EQ(document["schema"], "vmleak.doctor/1");
  EXPECT_EQ(document["coverage"]["tier"], "snapshot");
  EXPECT_EQ(document["coverage"]["families"][1]["state"], "missing");
  EXPECT_FALSE(document["tested_kernels"].empty());
}

}  // namespace
}  // namespace vmleak
