// SPDX-License-Identifier: Apache-2.0
#include "audit/vm_count.h"

#include <set>
#include <string>

namespace vmleak {

void count_vms(AuditReport& report, const Sample& sample, const std::set<NodeId>* among) {
  std::set<std::string> in_trouble;
  std::set<std::string> releasing;
  const auto kvm = to_string(NodeKind::kKvm);
  for (const auto& finding : report.findings) {
    auto& list = finding.verdict == Verdict::kReleasing ? releasing : in_trouble;
    if (finding.object.kind == kvm) list.insert(finding.object.id);
    for (const auto& also : finding.consequences) {
      if (also.kind == kvm) list.insert(also.id);
    }
  }
  report.vms_fine = 0;
  report.vms_releasing = 0;
  for (NodeIndex i = 0; i < sample.graph.size(); ++i) {
    const auto& node = sample.graph.node(i);
    if (node.kind != NodeKind::kKvm || (among != nullptr && !among->contains(node.id))) continue;
    const std::string id(local_id(node.id));
    if (in_trouble.contains(id)) continue;
    if (releasing.contains(id) || is_dying(sample.graph, i)) {
      ++report.vms_releasing;
    } else if (sample.liveness.of(i) == Life::kAlive) {
      ++report.vms_fine;
    }
  }
}

}  // namespace vmleak
