// SPDX-License-Identifier: Apache-2.0
#include "audit/remedies.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/wording.h"

namespace vmleak {
namespace {

// What cures a reference that only the kernel has, by the object it is on.
// Measured: a group comes back with a new, free node when its device is removed
// and found again; a device can't even be removed while it is referenced.
struct KernelAdvice {
  NodeKind object;
  std::string_view name;
  std::string_view risk;
  bool by_release;  // vmleak carries it out
};

constexpr std::array kKernelAdvice = std::to_array<KernelAdvice>({
    {NodeKind::kVfioDevice, "reboot: only that gives a device back whose reference leaked", "high",
     false},
    {NodeKind::kVfioGroup,
     "unbind the group's devices from their vfio driver, remove them from the PCI bus and rescan",
     "medium", true},
    {NodeKind::kVfioContainer,
     "unbind the devices from their vfio driver, remove them from the PCI bus and rescan", "medium",
     true},
    {NodeKind::kKvm, "nothing to do at once: it keeps kernel memory only; a reboot gives it back",
     "high", false},
    {NodeKind::kMm, "reboot: only that gives back an address space whose reference leaked", "high",
     false},
});

const KernelAdvice* find_advice(NodeKind object) {
  const auto* row = std::find_if(kKernelAdvice.begin(), kKernelAdvice.end(),
                                 [object](const auto& entry) { return entry.object == object; });
  return row == kKernelAdvice.end() ? nullptr : row;
}

Remedy advise_kernel(NodeKind object) {
  const auto* row = find_advice(object);
  if (row == nullptr) return advise_reboot("it");
  return {std::string(row->name), std::string(row->risk), false, {}, ""};
}

// Where a holder keeps it: "fd 18 (/dev/vhost-net)".
std::string place(const Graph& graph, const Cause& cause, NodeIndex task) {
  for (const auto& edge : graph.held(task)) {
    if (!std::binary_search(cause.nodes.begin(), cause.nodes.end(), edge.node)) continue;
    if (edge.reference->detail.empty()) continue;
    return fmt::format(", {} ({})", edge.reference->detail, node_text(graph, edge.node));
  }
  return "";
}

Remedy advise_holder(const Graph& graph, const Cause& cause, NodeIndex task) {
  const auto& node = graph.node(task);
  const auto who = node_text(graph, task);
  if (node.kind == NodeKind::kKernelThread) {
    return {fmt::format("find out what {} works for", who), "low", false, {}, ""};
  }
  return {fmt::format("close it in {}{}", who, place(graph, cause, task)), "low", false, {}, ""};
}

}  // namespace

Remedy advise_reboot(std::string_view what) {
  return {
      fmt::format("reboot when it suits: only that gives {} back", what), "high", false, {}, ""};
}

void add_release_commands(Finding& finding) {
  const auto& devices = finding.impact.devices;
  const auto command = "vmleak release " + (devices.empty() ? finding.id : devices.front());
  const auto kind = node_kind_from(finding.object.kind);
  const auto* row = kind ? find_advice(*kind) : nullptr;
  if (finding.verdict == Verdict::kLeaked && row != nullptr && row->by_release &&
      !devices.empty()) {
    for (auto& remedy : finding.remedies) {
      if (remedy.name == row->name) remedy.command = command;
    }
  }
  const bool by_process =
      std::any_of(finding.holders.begin(), finding.holders.end(), [](const HolderChain& holder) {
        return !holder.chain.empty() && holder.chain.back().kind == to_string(NodeKind::kProcess);
      });
  if (finding.verdict == Verdict::kHeld && by_process) {
    finding.remedies.push_back(
        {"or end what holds it", "medium", false, {}, command + " --action close-holder"});
  }
}

std::vector<Remedy> advise(const Sample& sample, const Cause& cause, Verdict verdict) {
  std::vector<Remedy> out;
  for (const auto task : cause.running) out.push_back(advise_holder(sample.graph, cause, task));
  if (verdict == Verdict::kLeaked) out.push_back(advise_kernel(sample.graph.kind(cause.primary)));
  if (verdict == Verdict::kReleasing) {
    out.push_back({"wait: it is on its way out", "low", false, {}, ""});
  }
  if (verdict == Verdict::kInconclusive) {
    out.push_back({"audit again, with time to settle", "low", true, {}, "vmleak audit"});
  }
  return out;
}

}  // namespace vmleak
