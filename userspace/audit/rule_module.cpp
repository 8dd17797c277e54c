// SPDX-License-Identifier: Apache-2.0
// References to a kernel module that no known object explains: the only trace
// of a leaked file whose object is not in any list, like a VFIO container.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "audit/holders.h"
#include "audit/origins.h"
#include "audit/remedies.h"
#include "audit/rules.h"
#include "audit/verdict.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

using enum NodeKind;

// Modules whose references another finding about one of these explains.
struct ModuleFamily {
  std::string_view prefix;       // of the module's name
  std::string_view file_prefix;  // of OpenFileFacts::type
  std::array<NodeKind, 4> kinds;
};

constexpr std::array kFamilies = std::to_array<ModuleFamily>({
    {"kvm", "kvm/", {kKvm, kKvm, kKvm, kKvm}},
    {"vfio", "vfio/", {kVfioDevice, kVfioGroup, kVfioContainer, kIommuGroup}},
    {"iommufd", "iommufd/", {kVfioDevice, kVfioGroup, kVfioContainer, kIommuGroup}},
    {"vhost", "vhost/", {kMm, kMm, kMm, kMm}},
    {"irqbypass", "kvm/", {kKvm, kVfioDevice, kVfioGroup, kVfioContainer}},
});

// The VM, its vCPUs, devices and statistics: more than a VM that is being made
// can have by the time its first file is seen.
constexpr std::int64_t kReferencesOfNewVm = 4096;

// What an unexplained reference to a module most likely is.
struct Guess {
  std::string_view module;
  std::string_view text;
};

constexpr std::array kGuesses = std::to_array<Guess>({
    {"vfio", "a leaked VFIO container file would look like this"},
    {"vfio_iommu_type1", "a leaked VFIO container would look like this"},
    {"kvm", "a leaked file of a VM would look like this"},
    {"vhost_net", "a leaked /dev/vhost-net file would look like this"},
});

bool in_family(const Graph& graph, const ModuleFamily& family, NodeIndex node) {
  const auto kind = graph.kind(node);
  if (kind == kOpenFile) {
    return facts_of<OpenFileFacts>(graph.node(node)).type.starts_with(family.file_prefix);
  }
  // An address space is kept by many things, only a file tells that vhost is
  // one of them.
  return kind != kMm &&
         std::find(family.kinds.begin(), family.kinds.end(), kind) != family.kinds.end();
}

// An object or file of the family that is kept, or whose own books are open:
// the same hidden file may be behind that and behind the module's reference.
bool explains(const Sample& sample, const ModuleFamily& family) {
  const auto& graph = sample.graph;
  for (const auto& cause : sample.causes) {
    for (const auto node : cause.nodes) {
      if (in_family(graph, family, node)) return true;
    }
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (!in_family(graph, family, i)) continue;
    const auto balances = graph.balances(i);
    if (std::any_of(balances.begin(), balances.end(),
                    [](const Balance& balance) { return balance.unexplained() > 0; })) {
      return true;
    }
  }
  return false;
}

bool explained_elsewhere(const AuditContext& context, std::string_view module,
                         std::span<const Finding> others) {
  return std::any_of(kFamilies.begin(), kFamilies.end(), [&](const ModuleFamily& family) {
    if (!module.starts_with(family.prefix)) return false;
    if (explains(context.now(), family)) return true;
    return std::any_of(others.begin(), others.end(), [&](const Finding& finding) {
      // A group that can't be used takes no references.
      if (finding.rule == "group-not-viable") return false;
      return std::any_of(family.kinds.begin(), family.kinds.end(),
                         [&](NodeKind kind) { return to_string(kind) == finding.object.kind; });
    });
  });
}

// Processes that hold /dev/kvm and have no VM: one may be in the making, which
// has taken its references and stands in no list yet.
bool may_make_vm(const Sample& sample, NodeIndex process) {
  const auto& graph = sample.graph;
  const auto files = graph.held(process);
  return sample.liveness.runs(process) &&
         std::none_of(files.begin(), files.end(), [&](const Edge& file) {
           return facts_of<OpenFileFacts>(graph.node(file.node)).type == "kvm/vm-file";
         });
}

// References that objects may have taken which stand in no list yet: a task
// inside a system call on a file of this module may be making one.
std::int64_t in_the_making(const Sample& sample, NodeIndex module) {
  std::int64_t references = 0;
  for (const auto& file : sample.graph.holders(module)) {
    const auto& node = sample.graph.node(file.node);
    if (node.kind != kOpenFile) continue;
    const bool makes_vms = facts_of<OpenFileFacts>(node).type == "kvm/chardev";
    for (const auto& task : sample.graph.holders(file.node)) {
      if (!task.reference->certain) references += task.reference->count;
      if (makes_vms && may_make_vm(sample, task.node)) references += kReferencesOfNewVm;
    }
  }
  return references;
}

std::int64_t unexplained(const Sample& sample, NodeIndex module) {
  const auto* balance = sample.graph.balance(module, "refcount");
  if (balance == nullptr || balance->unexplained() == 0) return 0;
  return std::max<std::int64_t>(0, balance->unexplained() - in_the_making(sample, module));
}

// Zero at any moment: then each reference was explained, and none has leaked.
std::int64_t least_unexplained(const AuditContext& context, const Node& module) {
  std::int64_t least = INT64_MAX;
  for (const auto& sample : context.samples) {
    const auto there = same_node(sample.graph, module);
    least = std::min(least, there == kNoNode ? 0 : unexplained(sample, there));
  }
  return least;
}

Finding make_finding(const AuditContext& context, NodeIndex module) {
  const auto& graph = context.now().graph;
  const auto& node = graph.node(module);
  const auto count = unexplained(context.now(), module);
  auto judgement = judge(context, {kModule, {}, true, [&](const Sample& sample) {
                                     const auto there = same_node(sample.graph, node);
                                     return there != kNoNode && unexplained(sample, there) == count;
                                   }});
  Finding out;
  out.verdict = judgement.verdict;
  out.object = object_ref(node);
  out.counters = counter_balances(context.now(), module);
  out.holders.push_back({count, {{"kernel", "", "kernel, unknown", 0, "", ""}}});
  out.origins = origins_of_module(context, module, count);
  out.evidence = std::move(judgement.evidence);
  for (const auto& guess : kGuesses) {
    if (guess.module == out.object.name) {
      out.evidence.push_back({"classes", std::string(guess.text)});
    }
  }
  out.impact.text = fmt::format("module {} can't be unloaded", out.object.name);
  out.remedies.push_back(advise_reboot("the module"));
  out.summary = fmt::format("module {} has {} that no file, VM or device on this host explains",
                            out.object.name, count_text(count, "reference"));
  return out;
}

}  // namespace

std::vector<Finding> find_module_references(const AuditContext& context,
                                            std::span<const Finding> others) {
  std::vector<Finding> findings;
  const auto& graph = context.now().graph;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != kModule || least_unexplained(context, graph.node(i)) == 0) continue;
    if (explained_elsewhere(context, local_id(graph.node(i).id), others)) continue;
    findings.push_back(make_finding(context, i));
  }
  return findings;
}

}  // namespace vmleak
