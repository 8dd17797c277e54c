// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "report/explain_report.h"
#include "report/json_parts.h"

namespace vmleak {
namespace {

Json tree_json(const HolderTree& tree) {
  auto holders = Json::array();
  for (const auto& holder : tree.holders) holders.push_back(tree_json(holder));
  auto out = link_json(tree.link);
  out["references"] = tree.references;
  out["counters"] = counters_json(tree.counters);
  out["holders"] = std::move(holders);
  return out;
}

// Every way from the object to a leaf, with as many references as the leaf has.
void collect_chains(const HolderTree& tree, std::vector<ChainLink> way,
                    std::vector<HolderChain>& out) {
  way.push_back(tree.link);
  if (tree.holders.empty()) return out.push_back({tree.references, std::move(way)});
  for (const auto& holder : tree.holders) collect_chains(holder, way, out);
}

Json closing_json(const ClosingTask& task) {
  return {{"tid", task.tid},
          {"pid", task.pid},
          {"comm", task.comm},
          {"state", task.state},
          {"reason", to_string(task.reason)},
          {"stack", task.stack},
          {"kernel_thread", task.kernel_thread}};
}

Json explanation_json(const Explanation& it, const AuditReport& report) {
  std::vector<HolderChain> chains;
  auto trees = Json::array();
  for (const auto& holder : it.holders) {
    collect_chains(holder, {}, chains);
    trees.push_back(tree_json(holder));
  }
  auto properties = Json::array();  // a name may appear more than once
  for (const auto& [name, value] : it.properties) {
    properties.push_back({{"name", name}, {"value", text_or_null(value)}});
  }
  auto closing = Json::array();
  for (const auto& task : it.closing_tasks) closing.push_back(closing_json(task));
  auto findings = Json::array();
  auto origins = it.origins;
  for (const auto& finding : report.findings) {
    if (std::find(it.finding_ids.begin(), it.finding_ids.end(), finding.id) ==
        it.finding_ids.end()) {
      continue;
    }
    findings.push_back(finding_json(finding));
    // Its own are there already, all of them.
    for (const auto& origin : finding.origins) {
      const bool own = origin.object.kind == it.object.kind && origin.object.id == it.object.id;
      if (!own || it.origins.empty()) origins.push_back(origin);
    }
  }
  return {{"object", object_json(it.object)},
          {"verdict", to_string(it.verdict)},
          {"state", it.state},
          {"owner", owner_json(it.owner)},
          {"properties", std::move(properties)},
          {"counters", counters_json(it.counters)},
          {"holders", holders_json(chains)},
          {"holder_tree", std::move(trees)},
          {"origins", origins_json(origins)},
          {"evidence", evidence_json(it.evidence)},
          {"closing_tasks", std::move(closing)},
          {"findings", std::move(findings)}};
}

}  // namespace

std::string explain_json(const std::vector<Explanation>& explanations, const AuditReport& report) {
  auto coverage = coverage_json(report.coverage);
  coverage["drift"] = drift_json(report.drift);
  Json document{{"schema", kExplainSchema},        {"time", report.time},
                {"host", host_json(report.host)},  {"versions", versions_json(report.versions)},
                {"coverage", std::move(coverage)}, {"losses", losses_json(report.losses)},
                {"targets", Json::array()}};
  for (const auto& explanation : explanations) {
    document["targets"].push_back(explanation_json(explanation, report));
  }
  return dump_document(document);
}

}  // namespace vmleak
