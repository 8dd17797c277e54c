// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "audit/holders.h"
#include "audit/remedies.h"
#include "audit/rules.h"
#include "audit/stability.h"
#include "audit/verdict.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

constexpr std::string_view kReferences = "devices_kobj";

// On a driver of the host that does DMA for itself.
bool is_in_host_use(const IommuGroupMember& member) {
  return !member.driver.empty() && !member.driver_managed_dma && !is_vfio_driver(member.driver);
}

// Drivers of the host may refer to their own groups as they like; what counts
// is a group that VFIO has or had to do with.
bool concerns_vfio(const Graph& graph, NodeIndex group) {
  const auto& facts = facts_of<IommuGroupFacts>(graph.node(group));
  const auto holders = graph.holders(group);
  return facts.members.empty() ||
         std::any_of(facts.members.begin(), facts.members.end(),
                     [](const auto& member) { return is_vfio_driver(member.driver); }) ||
         std::any_of(holders.begin(), holders.end(), [&](const Edge& edge) {
           return graph.kind(edge.node) == NodeKind::kVfioGroup;
         });
}

Finding reference_finding(const AuditContext& context, NodeIndex group, const Balance& balance) {
  const auto& graph = context.now().graph;
  const auto& node = graph.node(group);
  auto judgement =
      judge(context, {NodeKind::kIommuGroup, {}, false, [&](const Sample& sample) {
                        const auto there = same_node(sample.graph, node);
                        const auto* then =
                            there == kNoNode ? nullptr : sample.graph.balance(there, kReferences);
                        return then != nullptr && then->value == balance.value &&
                               then->unaccounted == balance.unaccounted;
                      }});
  Finding out;
  out.verdict = judgement.verdict;
  out.object = object_ref(node);
  out.counters = counter_balances(context.now(), group);
  out.holders.push_back({balance.unexplained(), {{"kernel", "", "kernel, unknown", 0, "", ""}}});
  out.evidence = std::move(judgement.evidence);
  for (const auto& member : facts_of<IommuGroupFacts>(node).members) {
    out.impact.devices.push_back(member.address);
  }
  out.impact.text = "the group outlives its devices; its number is not used again";
  out.remedies.push_back(advise_reboot("the group"));
  out.summary =
      fmt::format("{} has {} that no device and no VFIO group explains", node_text(graph, group),
                  count_text(balance.unexplained(), "reference"));
  return out;
}

std::string member_text(const IommuGroupMember& member) {
  return member.name.empty() ? member.address : member.address + " " + member.name;
}

struct Mixed {
  const IommuGroupMember* given = nullptr;  // to VFIO
  const IommuGroupMember* kept = nullptr;   // by a driver of the host
};

// A device of each sort, if the group has both.
Mixed find_mixed(const Node& group) {
  Mixed mixed;
  for (const auto& member : facts_of<IommuGroupFacts>(group).members) {
    if (is_vfio_driver(member.driver)) mixed.given = &member;
    if (is_in_host_use(member) && mixed.kept == nullptr) mixed.kept = &member;
  }
  return mixed;
}

bool is_mixed(const Node& group) {
  const auto mixed = find_mixed(group);
  return mixed.given != nullptr && mixed.kept != nullptr;
}

Finding not_viable_finding(const AuditContext& context, NodeIndex group) {
  const auto& graph = context.now().graph;
  const auto& node = graph.node(group);
  const auto& facts = facts_of<IommuGroupFacts>(node);
  const auto [given, kept] = find_mixed(node);
  const auto stability = observe(context, [&](const Sample& sample) {
    const auto there = same_node(sample.graph, node);
    return there != kNoNode && is_mixed(sample.graph.node(there));
  });
  Finding out;
  out.verdict = stability.settled ? Verdict::kHeld : Verdict::kInconclusive;
  out.object = object_ref(node);
  out.counters = counter_balances(context.now(), group);
  out.evidence.push_back({"samples", describe(stability, context)});
  for (const auto& member : facts.members) {
    out.evidence.push_back(
        {"IOMMU group", fmt::format("{}: {}", member_text(member),
                                    member.driver.empty() ? "no driver" : member.driver)});
    if (is_vfio_driver(member.driver)) out.impact.devices.push_back(member.address);
    if (!is_in_host_use(member)) continue;
    const ChainLink link{
        "driver", member.driver, member.driver, 0, "", "bound to " + member.address};
    out.holders.push_back({1, {link}});
    out.remedies.push_back({fmt::format("bind {} to vfio-pci as well, or move it to a slot with "
                                        "an IOMMU group of its own",
                                        member.address),
                            "medium",
                            false,
                            {},
                            ""});
  }
  out.impact.text = fmt::format("a VM with {} does not start: group {} is not viable",
                                given->address, facts.number);
  out.summary = fmt::format(
      "{} can't be used by a VM: {} is given to {}, but {} of the same group is on the host driver "
      "{}",
      node_text(graph, group), given->address, given->driver, member_text(*kept), kept->driver);
  return out;
}

}  // namespace

std::vector<Finding> find_iommu_group_references(const AuditContext& context,
                                                 std::span<const Finding> /*others*/) {
  std::vector<Finding> findings;
  const auto& graph = context.now().graph;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != NodeKind::kIommuGroup || !concerns_vfio(graph, i)) continue;
    const auto* balance = graph.balance(i, kReferences);
    if (balance != nullptr && balance->unexplained() > 0) {
      findings.push_back(reference_finding(context, i, *balance));
    }
  }
  return findings;
}

std::vector<Finding> find_groups_not_viable(const AuditContext& context,
                                            std::span<const Finding> /*others*/) {
  std::vector<Finding> findings;
  const auto& graph = context.now().graph;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) == NodeKind::kIommuGroup && is_mixed(graph.node(i))) {
      findings.push_back(not_viable_finding(context, i));
    }
  }
  return findings;
}

}  // namespace vmleak
