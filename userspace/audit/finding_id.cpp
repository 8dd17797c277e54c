// SPDX-License-Identifier: Apache-2.0
#include "audit/finding_id.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "base/siphash.h"

namespace vmleak {
namespace {

constexpr int kDigits = 6;
constexpr int kDigitsOnCollision = 8;

HashKey key_of(const HostInfo& host) {
  return {siphash({0, 0}, host.boot_id), siphash({0, 1}, host.boot_id)};
}

}  // namespace

void assign_ids(std::vector<Finding>& findings, const AuditContext& context) {
  const auto key = key_of(context.snapshot.host);
  const auto& graph = context.now().graph;
  std::vector<std::string> identities;
  std::map<std::string, int> used;
  for (auto& finding : findings) {
    const auto id = fmt::format("{}:{}", finding.object.kind, finding.object.id);
    const auto node = graph.find(id);
    const auto instance = node == kNoNode ? std::string() : graph.node(node).instance;
    identities.push_back(fmt::format("{}\n{}\n{}", finding.rule, id, instance));
    finding.id = short_hash(key, identities.back(), kDigits);
    ++used[finding.id];
  }
  for (std::size_t i = 0; i < findings.size(); ++i) {
    if (used[findings[i].id] > 1) {
      findings[i].id = short_hash(key, identities[i], kDigitsOnCollision);
    }
  }
}

}  // namespace vmleak
