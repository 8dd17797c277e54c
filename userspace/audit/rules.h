// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// A rule lays the books of a snapshot side by side and says what does not add
// up.  It fills everything of a finding but its id and rule.  `others` are the
// findings of the rules before it.
struct Rule {
  std::string_view name;  // Finding::rule; also part of a finding's id
  std::vector<Finding> (*find)(const AuditContext& context, std::span<const Finding> others);
};

std::span<const Rule> rules();

// All findings, the worst first, with their ids.
std::vector<Finding> apply_rules(const AuditContext& context);

// One function per row of the table.
std::vector<Finding> find_owner_gone(const AuditContext& context, std::span<const Finding> others);
std::vector<Finding> find_module_references(const AuditContext& context,
                                            std::span<const Finding> others);
std::vector<Finding> find_iommu_group_references(const AuditContext& context,
                                                 std::span<const Finding> others);
std::vector<Finding> find_groups_not_viable(const AuditContext& context,
                                            std::span<const Finding> others);
std::vector<Finding> find_inconsistent_books(const AuditContext& context,
                                             std::span<const Finding> others);
std::vector<Finding> find_outlived_eventfds(const AuditContext& context,
                                            std::span<const Finding> others);
std::vector<Finding> find_blocked_removals(const AuditContext& context,
                                           std::span<const Finding> others);
std::vector<Finding> find_hung_resets(const AuditContext& context, std::span<const Finding> others);
std::vector<Finding> find_hung_drivers(const AuditContext& context,
                                       std::span<const Finding> others);
std::vector<Finding> find_stale_devices(const AuditContext& context,
                                        std::span<const Finding> others);
std::vector<Finding> find_overrides_left(const AuditContext& context,
                                         std::span<const Finding> others);
std::vector<Finding> find_companions_unbound(const AuditContext& context,
                                             std::span<const Finding> others);
std::vector<Finding> find_devices_assigned_twice(const AuditContext& context,
                                                 std::span<const Finding> others);

}  // namespace vmleak
