// SPDX-License-Identifier: Apache-2.0
#include "support/books.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "support/check.h"
#include "support/vmleak_cli.h"

namespace vmleak::scenarios {

using nlohmann::json;

Books Books::take() {
  const auto run = run_vmleak({"snapshot"});
  const auto document = json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  if (run.exit_code != 0 || !document.is_object()) {
    std::ostringstream message;
    message << run;
    fail("no snapshot:\n{}", message.str());
  }
  return Books(document.at("samples").back());
}

std::string Books::node(std::string_view kind, const char* fact, const json& value) const {
  std::vector<std::string> found;
  for (const auto& node : book_.at("nodes")) {
    if (node.at("kind") == kind && node.at("facts").at(fact) == value) {
      found.push_back(node.at("id"));
    }
  }
  if (found.size() != 1) {
    fail("{} nodes are a {} with {} {}, in {}", found.size(), kind, fact, value.dump(),
         book_.at("nodes").dump());
  }
  return found[0];
}

std::size_t Books::count(std::string_view kind) const {
  const auto& nodes = book_.at("nodes");
  return static_cast<std::size_t>(std::count_if(
      nodes.begin(), nodes.end(), [kind](const json& node) { return node.at("kind") == kind; }));
}

const json& Books::at(const std::string& node) const {
  for (const auto& candidate : book_.at("nodes")) {
    if (candidate.at("id") == node) return candidate;
  }
  fail("no node {}", node);
}

json Books::fact(const std::string& node, const char* name) const {
  return at(node).at("facts").at(name);
}

std::optional<std::int64_t> Books::counter(const std::string& node, std::string_view name) const {
  for (const auto& counter : at(node).at("counters")) {
    if (counter.at("name") == name) return counter.at("value").get<std::int64_t>();
  }
  return std::nullopt;
}

std::map<std::string, std::int64_t> Books::classes(const std::string& node,
                                                   std::string_view counter) const {
  std::map<std::string, std::int64_t> sums;
  for (const auto& reference : book_.at("references")) {
    if (reference.at("held") != node || reference.at("counter") != counter) continue;
    if (!reference.at("certain").get<bool>()) continue;
    sums[reference.at("cls")] += reference.at("count").get<std::int64_t>();
  }
  return sums;
}

std::int64_t Books::unaccounted(const std::string& node, std::string_view name) const {
  const auto value = counter(node, name);
  if (!value) fail("{} has no counter {}", node, name);
  std::int64_t rest = *value;
  for (const auto& [cls, references] : classes(node, name)) rest -= references;
  return rest;
}

std::int64_t Books::seen(std::string_view cls) const {
  std::int64_t sum = 0;
  for (const auto& reference : book_.at("references")) {
    if (reference.at("cls") == cls) sum += reference.at("count").get<std::int64_t>();
  }
  return sum;
}

std::map<std::string, std::int64_t> Books::recorded() const {
  std::map<std::string, std::int64_t> sums;
  for (const auto& entry : book_.at("ledger").at("entries")) {
    if (entry.at("state") == "out") {
      sums[entry.at("cls")] += entry.at("references").get<std::int64_t>();
    }
  }
  return sums;
}

std::vector<json> Books::recorded_of(pid_t pid) const {
  std::vector<json> entries;
  for (const auto& entry : book_.at("ledger").at("entries")) {
    if (entry.at("taken").at("pid") == pid) entries.push_back(entry);
  }
  return entries;
}

}  // namespace vmleak::scenarios
