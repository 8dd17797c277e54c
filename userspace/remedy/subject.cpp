// SPDX-License-Identifier: Apache-2.0
#include "remedy/subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <tuple>

#include "audit/parked.h"
#include "audit/past_use.h"
#include "audit/verdict.h"
#include "base/pci_address.h"

namespace vmleak {
namespace {

constexpr std::uint32_t kBridgeClass = 0x06;

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// What is done to `member` is done to `other` as well.  A virtual function comes
// and goes by itself; with its physical one go all virtual ones, which may have
// addresses in its slot.
bool takes_along(const PciFunction& member, const PciFunction& other) {
  if (member.iommu_group >= 0 && member.iommu_group == other.iommu_group) return true;
  if (!member.physical_function.empty()) return false;
  if (!other.physical_function.empty()) return other.physical_function == member.address;
  return pci_slot(member.address) == pci_slot(other.address);
}

std::vector<const PciFunction*> unit_of(const Snapshot& snapshot, const ReleaseTarget& target) {
  const auto& all = snapshot.pci_functions;
  std::set<const PciFunction*> unit;
  for (const auto& function : all) {
    if (contains(target.addresses, function.address)) unit.insert(&function);
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& function : all) {
      if (unit.contains(&function)) continue;
      grew = std::any_of(unit.begin(), unit.end(),
                         [&](const auto* other) { return takes_along(*other, function); });
      if (grew) {
        unit.insert(&function);
        break;
      }
    }
  }
  std::vector<const PciFunction*> out(unit.begin(), unit.end());
  std::sort(out.begin(), out.end(),
            [](const auto* a, const auto* b) { return a->address < b->address; });
  return out;
}

void add_unique(std::vector<NodeIndex>& out, NodeIndex node) {
  if (node != kNoNode && std::find(out.begin(), out.end(), node) == out.end()) out.push_back(node);
}

bool is_task(NodeKind kind) {
  return kind == NodeKind::kProcess || kind == NodeKind::kKernelThread;
}

void collect_nodes(Subject& subject) {
  const auto& graph = subject.graph();
  for (const auto& id : subject.target.nodes) add_unique(subject.nodes, graph.find(id));
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& device = facts_of<VfioDeviceFacts>(graph.node(i));
    if (device.pci_address.empty() || subject.find(device.pci_address) == nullptr) continue;
    add_unique(subject.nodes, i);
    const auto group = graph.find(device.group);
    add_unique(subject.nodes, group);
    if (group == kNoNode) continue;
    add_unique(subject.nodes, graph.find(facts_of<VfioGroupFacts>(graph.node(group)).container));
  }
}

// A process is a target because of what it has, not because it runs.
void collect_use(Subject& subject) {
  const auto& [graph, liveness] = std::tie(subject.sample.graph, subject.sample.liveness);
  for (const auto node : subject.nodes) {
    const auto kind = graph.kind(node);
    if (kind == NodeKind::kVfioDevice && is_in_use(graph, node)) {
      subject.open_devices.push_back(node);
    }
    if (kind == NodeKind::kVfioGroup && is_in_use(graph, node)) {
      subject.open_groups.push_back(node);
    }
    subject.user_unknown |= liveness.of(node) == Life::kUnknown;
    if (is_object(kind) && liveness.of(node) == Life::kAlive) {
      add_unique(subject.users, liveness.user(node));
    }
  }
}

void collect_holders(Subject& subject) {
  for (const auto& cause : subject.sample.causes) {
    const bool concerned =
        std::any_of(subject.nodes.begin(), subject.nodes.end(), [&](NodeIndex node) {
          return !is_task(subject.graph().kind(node)) &&
                 std::binary_search(cause.nodes.begin(), cause.nodes.end(), node);
        });
    if (!concerned) continue;
    for (const auto task : cause.running) add_unique(subject.holders, task);
    subject.ending |= !cause.ending.empty();
  }
}

void collect_findings(Subject& subject) {
  std::set<NodeId> ids;
  for (const auto node : subject.nodes) ids.insert(subject.graph().node(node).id);
  const auto concerns = [&](const auto& object) {
    return ids.contains(fmt::format("{}:{}", object.kind, object.id));
  };
  for (const auto& finding : subject.report.findings) {
    const auto& devices = finding.impact.devices;
    const bool about =
        concerns(finding.object) || finding.id == subject.target.text ||
        std::any_of(finding.consequences.begin(), finding.consequences.end(), concerns) ||
        std::any_of(devices.begin(), devices.end(),
                    [&](const auto& address) { return subject.find(address) != nullptr; });
    if (about) subject.findings.push_back(&finding);
  }
}

bool any_gone(const Subject& subject) {
  return std::any_of(subject.nodes.begin(), subject.nodes.end(), [&](NodeIndex node) {
    return is_object(subject.graph().kind(node)) && subject.sample.liveness.of(node) == Life::kGone;
  });
}

Situation situation_of(const Subject& subject) {
  if (subject.unfinished != nullptr && subject.options.action != "close-holder") {
    return Situation::kInterrupted;
  }
  if (!subject.users.empty() || subject.user_unknown) return Situation::kInUse;
  const bool device_out = !subject.open_devices.empty();
  if (!subject.holders.empty()) return device_out ? Situation::kDeviceHeld : Situation::kHeld;
  if (subject.ending) return Situation::kReleasing;
  if (device_out) return Situation::kDeviceLeaked;
  if (!subject.open_groups.empty()) return Situation::kGroupLeaked;
  if (subject.unit.empty() && any_gone(subject)) return Situation::kKernelKept;
  const auto acted = acted_functions(subject);
  if (acted.empty()) {
    return overridden_functions(subject).empty() ? Situation::kOnHostDriver
                                                 : Situation::kOverrideLeft;
  }
  const bool on_vfio = std::any_of(acted.begin(), acted.end(),
                                   [](const auto* function) { return !function->driver.empty(); });
  return on_vfio ? Situation::kOnVfio : Situation::kUnbound;
}

const UnfinishedRun* find_unfinished(const ReleaseTarget& target, const PlanOptions& options) {
  for (const auto& run : options.unfinished) {
    for (const auto& address : target.addresses) {
      if (contains(run.devices, address)) return &run;
    }
  }
  return nullptr;
}

}  // namespace

Subject::Subject(const Snapshot& from, const AuditReport& with, const ReleaseTarget& what,
                 const PlanOptions& how)
    : snapshot(from),
      report(with),
      target(what),
      options(how),
      context(from, std::span(&from.samples.back(), 1), audit_options),
      sample(context.now()),
      unit(unit_of(from, what)),
      unfinished(find_unfinished(what, how)) {
  for (const auto& address : what.addresses) {
    if (find(address) == nullptr) unknown.push_back(address);
  }
  collect_nodes(*this);
  collect_use(*this);
  collect_holders(*this);
  collect_findings(*this);
  situation = situation_of(*this);
}

const PciFunction* Subject::find(std::string_view address) const {
  const auto found = std::find_if(unit.begin(), unit.end(), [address](const auto* function) {
    return function->address == address;
  });
  return found == unit.end() ? nullptr : *found;
}

std::string unseen_part(const Snapshot& snapshot) {
  if (snapshot.coverage.tier == Tier::kProc) {
    return "the kernel's counters could not be read (vmleak doctor says why)";
  }
  for (const auto kind : {NodeKind::kVfioDevice, NodeKind::kVfioGroup, NodeKind::kKvm}) {
    const auto losses = losses_that_hide(snapshot.samples.back().losses, kind);
    if (!losses.empty()) return "a user or holder may not have been seen: " + losses.front()->what;
  }
  return "";
}

std::vector<const PciFunction*> acted_functions(const Subject& subject) {
  std::vector<const PciFunction*> out;
  for (const auto* function : subject.unit) {
    if (function->class_code >> 16 == kBridgeClass) continue;
    const bool wanted = contains(subject.target.addresses, function->address);
    // It goes and comes with its physical one, if that one does.
    const auto* physical = subject.find(function->physical_function);
    if (physical != nullptr && (!wanted || is_vfio_driver(physical->driver))) continue;
    if (is_vfio_driver(function->driver) || (wanted && function->driver.empty())) {
      out.push_back(function);
    }
  }
  return out;
}

std::vector<const PciFunction*> overridden_functions(const Subject& subject) {
  std::vector<const PciFunction*> out;
  for (const auto* function : subject.unit) {
    const bool left = !function->driver.empty() && !is_vfio_driver(function->driver) &&
                      is_vfio_driver(function->driver_override);
    if (left && contains(subject.target.addresses, function->address) &&
        parked_by(subject.snapshot, *function).empty()) {
      out.push_back(function);
    }
  }
  return out;
}

bool belongs_to_host(const Subject& subject, const PciFunction& function) {
  if (function.native_drivers.empty()) return false;
  const auto use = finished_use(subject.context, function);
  return use && taken_from_driver(function, use);
}

std::string native_driver_evidence(const Subject& subject, const PciFunction& function) {
  if (!function.driver_messages.empty()) return function.driver_messages.back().driver;
  const auto gave = [&](const auto& user) {
    return std::any_of(user.host_devices.begin(), user.host_devices.end(), [&](const auto& device) {
      return device.managed && device.pci_address == function.address;
    });
  };
  const auto& management = subject.snapshot.management;
  const bool managed = std::any_of(management.domains.begin(), management.domains.end(), gave) ||
                       std::any_of(management.past_runs.begin(), management.past_runs.end(), gave);
  return managed && !function.native_drivers.empty() ? function.native_drivers.front() : "";
}

}  // namespace vmleak
