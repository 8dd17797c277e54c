// SPDX-License-Identifier: Apache-2.0
#include "remedy/verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audit/context.h"
#include "audit/wording.h"
#include "remedy/subject.h"

namespace vmleak {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

class Verifier {
 public:
  Verifier(const Plan& plan, const Snapshot& after, const AuditReport& report)
      : plan_(plan), after_(after), report_(report), sample_(after.samples.back()) {}

  std::vector<Precondition> run() {
    for (const auto& expected : plan_.expected) {
      check_function(expected);
      check_vfio(expected.address);
    }
    check_findings();
    check_books();
    return std::move(out_);
  }

 private:
  void add(std::string name, std::string text, std::string why) {
    const bool met = why.empty();
    out_.push_back({std::move(name), std::move(text), met, std::move(why)});
  }

  void check_function(const ExpectedFunction& expected) {
    const auto found = std::find_if(
        after_.pci_functions.begin(), after_.pci_functions.end(),
        [&](const PciFunction& function) { return function.address == expected.address; });
    const auto identity = fmt::format("{:04x}:{:04x}", expected.vendor, expected.device);
    const auto text = fmt::format("{} is there as {}", expected.address, identity);
    if (found == after_.pci_functions.end()) return add("device-back", text, "it is not there");
    const auto seen = fmt::format("{:04x}:{:04x}", found->vendor, found->device);
    add("device-back", text, seen == identity ? "" : "it is there as " + seen);
    const auto driver = found->driver.empty() ? "has no driver" : "is on " + found->driver;
    if (expected.native) {
      const bool native = !found->driver.empty() && !is_vfio_driver(found->driver);
      add("driver", expected.address + " is on a driver of the host", native ? "" : "it " + driver);
    } else if (!expected.driver.empty()) {
      add("driver", fmt::format("{} is on {}", expected.address, expected.driver),
          found->driver == expected.driver ? "" : "it " + driver);
    }
  }

  // What the kernel's counters say of a device that VFIO knows.
  void check_vfio(const std::string& address) {
    const auto& graph = sample_.graph;
    for (NodeIndex i = 0; i < graph.size(); ++i) {
      const auto& device = facts_of<VfioDeviceFacts>(graph.node(i));
      if (graph.kind(i) != NodeKind::kVfioDevice || device.pci_address != address) continue;
      const auto group = graph.find(device.group);
      auto busy = is_in_use(graph, i)                           ? node_text(graph, i)
                  : group != kNoNode && is_in_use(graph, group) ? node_text(graph, group)
                                                                : std::string();
      if (!busy.empty()) busy += " is in use";
      add("idle", fmt::format("the counters of {} are idle", address), std::move(busy));
      if (group == kNoNode) continue;
      const auto iommu = graph.find(facts_of<VfioGroupFacts>(graph.node(group)).iommu_group);
      if (iommu == kNoNode) continue;
      const bool viable = facts_of<IommuGroupFacts>(graph.node(iommu)).viable;
      add("viable", "its IOMMU group is viable",
          viable ? "" : node_text(graph, iommu) + " is not: a member is on a driver of the host");
    }
  }

  void check_findings() {
    std::string why;
    for (const auto& finding : findings_about(plan_, report_)) {
      // What ending a holder leaves to do is another plan's.
      if (plan_.action == "close-holder" && finding.verdict == Verdict::kStale) continue;
      why = fmt::format("{} (finding {}): {}", to_string(finding.verdict), finding.id,
                        finding.summary);
      break;
    }
    add("audit", "an audit finds nothing left of it", std::move(why));
  }

  void check_books() { add("books", "counters and holders could be read", unseen_part(after_)); }

  const Plan& plan_;
  const Snapshot& after_;
  const AuditReport& report_;
  Sample sample_;
  std::vector<Precondition> out_;
};

bool concerns(const Plan& plan, const Finding& finding) {
  if (contains(plan.nodes, fmt::format("{}:{}", finding.object.kind, finding.object.id))) {
    return true;
  }
  const auto is_expected = [&](std::string_view address) {
    return std::any_of(plan.expected.begin(), plan.expected.end(),
                       [&](const auto& function) { return function.address == address; });
  };
  return is_expected(finding.object.id) ||
         std::any_of(finding.impact.devices.begin(), finding.impact.devices.end(), is_expected);
}

}  // namespace

std::vector<Finding> findings_about(const Plan& plan, const AuditReport& report) {
  std::vector<Finding> out;
  for (const auto& finding : report.findings) {
    if (concerns(plan, finding)) out.push_back(finding);
  }
  return out;
}

std::vector<Finding> findings_that_stay(const Plan& plan, const AuditReport& report) {
  std::vector<Finding> out;
  if (plan.devices.empty()) return out;
  for (const auto& finding : report.findings) {
    const bool of_vfio = finding.object.kind == to_string(NodeKind::kModule) &&
                         finding.object.id.starts_with("vfio");
    if (of_vfio && !concerns(plan, finding)) out.push_back(finding);
  }
  return out;
}

std::vector<Precondition> verify_release(const Plan& plan, const Snapshot& after,
                                         const AuditReport& report) {
  return Verifier(plan, after, report).run();
}

}  // namespace vmleak
