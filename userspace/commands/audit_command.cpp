// SPDX-License-Identifier: Apache-2.0
#include "commands/audit_command.h"

#include <utility>

#include "audit/explain.h"
#include "audit/target.h"
#include "commands/wait.h"
#include "report/audit_json.h"
#include "report/audit_text.h"
#include "report/object_table.h"

namespace vmleak {
namespace {

using Clock = std::chrono::steady_clock;

ExitCode code_for(const AuditReport& report, const FailOn& fail_on) {
  std::vector<Verdict> verdicts{report.verdict};
  for (const auto& finding : report.findings) verdicts.push_back(finding.verdict);
  // A finding that is not in `fail_on` must not hide that more could be there.
  if (!report.losses.empty() || report.coverage.tier == Tier::kProc) {
    verdicts.push_back(Verdict::kInconclusive);
  }
  return exit_code(verdicts, fail_on);
}

std::string findings_in(Format format, const AuditReport& report, const Environment& environment,
                        std::optional<std::chrono::milliseconds> took) {
  switch (format) {
    case Format::kText:
      return audit_text(report, environment.style, took);
    case Format::kJson:
      return audit_json(report);
    case Format::kNdjson:
      return audit_ndjson(report);
  }
  return {};
}

std::string objects_in(const AuditCommand& command, const Judged& judged,
                       std::vector<NodeId> nodes) {
  const auto& book = judged.snapshot.samples.back();
  if (command.target.empty()) nodes = object_nodes(book);
  const auto rows = explain(judged.snapshot, judged.report, nodes);
  const ObjectTableOptions options{command.columns, command.headings, command.raw,
                                   command.source.addresses};
  return command.format == Format::kText ? object_table(rows, book, options)
                                         : object_json_table(rows, book, options);
}

}  // namespace

Result<ExitCode> run_audit(const AuditCommand& command, const Environment& environment) {
  if (command.wait) return wait_until_free(command, environment);
  const auto start = Clock::now();
  auto judged = load_and_audit(command.source, command.target, environment);
  if (!judged) return judged.error();
  std::vector<NodeId> nodes;
  if (!command.target.empty()) {
    auto found = find_target(*judged, command.target);
    if (!found) return found.error();
    nodes = std::move(*found);
    judged->report = restrict_to(std::move(judged->report), judged->snapshot, nodes);
  }
  const auto code = code_for(judged->report, command.fail_on);
  if (command.quiet) return code;
  std::optional<std::chrono::milliseconds> took;
  if (command.source.from.empty()) {
    took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  }
  const auto text = command.objects
                        ? objects_in(command, *judged, std::move(nodes))
                        : findings_in(command.format, judged->report, environment, took);
  if (auto written = environment.write(text); !written) return written.error();
  return code;
}

}  // namespace vmleak
