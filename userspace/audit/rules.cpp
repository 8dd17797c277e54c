// SPDX-License-Identifier: Apache-2.0
#include "audit/rules.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "audit/finding_id.h"
#include "audit/remedies.h"
#include "audit/verdict.h"

namespace vmleak {
namespace {

constexpr std::array kRules = std::to_array<Rule>({
    {"owner-gone", find_owner_gone},
    {"iommu-group-reference", find_iommu_group_references},
    {"group-not-viable", find_groups_not_viable},
    {"inconsistent-books", find_inconsistent_books},
    {"eventfd-outlives-device", find_outlived_eventfds},
    {"removal-blocked", find_blocked_removals},
    {"reset-hung", find_hung_resets},
    {"driver-hung", find_hung_drivers},
    {"stale-device", find_stale_devices},
    {"driver-override-left", find_overrides_left},
    {"companion-unbound", find_companions_unbound},
    {"device-assigned-twice", find_devices_assigned_twice},
    // Last: what other findings explain is left out.
    {"module-references", find_module_references},
});

}  // namespace

std::span<const Rule> rules() { return kRules; }

std::vector<Finding> apply_rules(const AuditContext& context) {
  std::vector<Finding> findings;
  for (const auto& rule : kRules) {
    auto found = rule.find(context, findings);
    for (auto& finding : found) {
      finding.rule = rule.name;
      findings.push_back(std::move(finding));
    }
  }
  // Without walks of the kernel nothing is sure.
  if (context.snapshot.coverage.tier == Tier::kProc) {
    for (auto& finding : findings) finding.verdict = Verdict::kInconclusive;
  }
  assign_ids(findings, context);
  for (auto& finding : findings) {
    if (finding.rule == kRules.front().name) add_release_commands(finding);
  }
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.verdict != b.verdict && worst(a.verdict, b.verdict) == a.verdict;
  });
  return findings;
}

}  // namespace vmleak
