// SPDX-License-Identifier: Apache-2.0
#include "report/audit_json.h"

#include "report/json_parts.h"

namespace vmleak {
namespace {

void add_summary(Json& out, const AuditReport& report) {
  out["verdict"] = to_string(report.verdict);
  out["time"] = report.time;
  out["host"] = host_json(report.host);
  out["versions"] = versions_json(report.versions);
  out["coverage"] = coverage_json(report.coverage);
  out["coverage"]["drift"] = drift_json(report.drift);
  out["losses"] = losses_json(report.losses);
  out["vms"] = {{"fine", report.vms_fine}, {"releasing", report.vms_releasing}};
  out["walked"] = {{"files", report.files_walked}, {"mappings", report.mappings_walked}};
}

}  // namespace

std::string audit_json(const AuditReport& report) {
  Json document{{"schema", kAuditSchema}};
  add_summary(document, report);
  document["findings"] = Json::array();
  for (const auto& finding : report.findings) {
    document["findings"].push_back(finding_json(finding));
  }
  return dump_document(document);
}

std::string audit_ndjson(const AuditReport& report) {
  std::string out;
  for (const auto& finding : report.findings) {
    Json line{{"schema", kAuditSchema}, {"type", "finding"}};
    line.update(finding_json(finding));
    out += dump_line(line);
  }
  Json summary{{"schema", kAuditSchema}, {"type", "summary"}};
  add_summary(summary, report);
  return out + dump_line(summary);
}

}  // namespace vmleak
