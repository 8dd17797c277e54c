// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "report/audit_json.h"
#include "report_values.h"

namespace vmleak {
namespace {

using nlohmann::json;
using vmleak::testing::held_memory;
using vmleak::testing::leaked_group;
using vmleak::testing::report_of;

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

using Keys = std::set<std::string>;

TEST(AuditJson, HasTheFieldsOfItsSchema) {
  auto report = report_of({leaked_group(), held_memory()});
  report.findings[0].origins = {{1, "kvm/vm-file", "kvm_dev_ioctl", {"a", "b"}, 1, "qemu", ""}};
  report.coverage.families = {{"mappings", FamilyState::kMissing, "", "mappings of dead mms"}};
  report.losses = {{"walk cut short", 2, {NodeKind::kKvm}}};
  const auto document = json::parse(audit_json(report));
  EXPECT_EQ(keys_of(document), (Keys{"schema", "verdict", "time", "host", "versions", "coverage",
                                     "losses", "findings", "vms", "walked"}));
  EXPECT_EQ(document["schema"], "vmleak.audit/1");
  EXPECT_EQ(document["verdict"], "leaked");
  EXPECT_EQ(document["host"],
            (json{{"hostname", "host-a"}, {"kernel", "6.1.0-28-amd64"}, {"boot_id", "b00710"}}));
  EXPECT_EQ(document["coverage"]["tier"], "snapshot");
  EXPECT_EQ(document["coverage"]["families"][0], (json{{"name", "mappings"},
                                                       {"state", "missing"},
                                                       {"program", nullptr},
                                                       {"lost_without", "mappings of dead mms"}}));
  EXPECT_EQ(document["losses"][0],
            (json{{"what", "walk cut short"}, {"count", 2}, {"kinds", {"kvm"}}}));

  const auto& finding = document["findings"][0];
  EXPECT_EQ(keys_of(finding),
            (Keys{"id", "rule", "verdict", "summary", "since", "impact", "object", "owner",
                  "counters", "holders", "origins", "consequences", "evidence", "remedies"}));
  EXPECT_EQ(keys_of(finding["impact"]), (Keys{"bytes", "devices", "text"}));
  EXPECT_EQ(finding["object"],
            (json{{"kind", "vfio_group"}, {"id", "42"}, {"name", "0000:8a:00.0 NVIDIA A100"}}));
  EXPECT_EQ(finding["owner"]["state"], "gone");
  EXPECT_EQ(finding["counters"][0]["unaccounted"], 1);
  EXPECT_EQ(finding["origins"][0]["stack"], (json{"a", "b"}));
  EXPECT_EQ(keys_of(finding["remedies"][0]),
            (Keys{"name", "risk", "ready", "blocked_by", "command"}));
  EXPECT_EQ(document["findings"][1]["holders"][0]["chain"][2]["pid"], 8733);
  EXPECT_EQ(document["findings"][1]["counters"][0]["classes"],
            (json::array({{{"class", "mm/vhost"}, {"references", 1}}})));
}

TEST(AuditJson, IsNullWhereNothingIsKnown) {
  const auto document = json::parse(audit_json(report_of({held_memory()})));
  const auto& finding = document["findings"][0];
  EXPECT_TRUE(finding["owner"].is_null());
  EXPECT_TRUE(finding["since"].is_null());
  EXPECT_TRUE(finding["holders"][0]["chain"][1]["pid"].is_null());
  EXPECT_TRUE(document["versions"]["qemu"].is_null());
  EXPECT_TRUE(document["coverage"]["armed_since"].is_null());
}

TEST(AuditJson, HasAnEmptyListOfFindingsWhenClean) {
  const auto document = json::parse(audit_json(report_of({})));
  EXPECT_EQ(document["findings"], json::array());
  EXPECT_EQ(document["verdict"], "clean");
}

TEST(AuditJson, SurvivesNamesThatAreNotUtf8) {
  auto finding = held_memory();
  finding.object.name = "\xff\xfe";
  EXPECT_NO_THROW(EXPECT_TRUE(json::accept(audit_json(report_of({finding})))));
}

TEST(AuditNdjson, PrintsOneLinePerFindingAndThenTheSummary) {
  std::istringstream lines(audit_ndjson(report_of({leaked_group(), held_memory()})));
  std::vector<json> documents;
  for (std::string line; std::getline(lines, line);) documents.push_back(json::parse(line));
  ASSERT_EQ(documents.size(), 3U);
  EXPECT_EQ(documents[0]["type"], "finding");
  EXPECT_EQ(documents[0]["id"], "3f9c1a");
  EXPECT_EQ(documents[1]["id"], "b07e44");
  EXPECT_EQ(documents[2]["type"], "summary");
  EXPECT_EQ(documents[2]["verdict"], "leaked");
  EXPECT_FALSE(documents[2].contains("findings"));
}

}  // namespace
}  // namespace vmleak
