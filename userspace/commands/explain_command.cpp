// SPDX-License-Identifier: Apache-2.0
#include "commands/explain_command.h"

#include <fmt/format.h>

#include "audit/explain.h"
#include "report/explain_report.h"

namespace vmleak {
namespace {

void add_addresses(std::vector<Explanation>& explanations, const Book& book) {
  for (auto& explanation : explanations) {
    const auto id = explanation.object.kind + ":" + explanation.object.id;
    for (const auto& node : book.nodes) {
      if (node.id != id || node.address == 0) continue;
      explanation.properties.emplace_back("address", fmt::format("{:#018x}", node.address));
    }
  }
}

}  // namespace

Result<ExitCode> run_explain(const ExplainCommand& command, const Environment& environment) {
  const auto judged = load_and_audit(command.source, command.target, environment);
  if (!judged) return judged.error();
  const auto nodes = find_target(*judged, command.target);
  if (!nodes) return nodes.error();
  auto explanations = explain(judged->snapshot, judged->report, *nodes);
  if (command.source.addresses) add_addresses(explanations, judged->snapshot.samples.back());

  const auto text = command.format == Format::kText
                        ? explain_text(explanations, judged->report, environment.style)
                        : explain_json(explanations, judged->report);
  if (auto written = environment.write(text); !written) return written.error();
  std::vector<Verdict> verdicts;
  verdicts.reserve(explanations.size());
  for (const auto& explanation : explanations) verdicts.push_back(explanation.verdict);
  return exit_code(verdicts);
}

}  // namespace vmleak
