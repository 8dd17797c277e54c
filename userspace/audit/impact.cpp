// SPDX-License-Identifier: Apache-2.0
#include "audit/impact.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "audit/wording.h"

namespace vmleak {
namespace {

constexpr std::string_view kGuestMemory = "kvm/guest-memfd-file";

// Memory of one VM that is mapped and pinned is the same memory, so the most
// that one kind of object keeps counts.  A struct kvm keeps guest memory only
// through a guest_memfd: otherwise that belongs to the address space.
std::uint64_t kept_bytes(const Graph& graph, const Cause& cause) {
  std::uint64_t mapped = 0;
  std::uint64_t pinned = 0;
  std::uint64_t guest = 0;
  bool guest_memfd = false;
  for (const auto index : cause.nodes) {
    const auto& node = graph.node(index);
    guest_memfd = guest_memfd || facts_of<OpenFileFacts>(node).type == kGuestMemory;
  }
  for (const auto index : cause.objects) {
    const auto& node = graph.node(index);
    mapped += facts_of<MmFacts>(node).mapped_bytes;
    for (const auto& user : facts_of<VfioContainerFacts>(node).dma_users) pinned += user.bytes;
    if (guest_memfd && node.kind == NodeKind::kKvm) guest += facts_of<KvmFacts>(node).memory_bytes;
  }
  return std::max({mapped, pinned, guest});
}

// Devices that can't be used again: those kept, and all of a kept group.
std::vector<std::string> blocked_devices(const Graph& graph, const Cause& cause) {
  std::set<std::string> devices;
  const auto add = [&](NodeIndex index) {
    const auto& address = facts_of<VfioDeviceFacts>(graph.node(index)).pci_address;
    if (!address.empty()) devices.insert(address);
  };
  for (const auto index : cause.objects) {
    if (graph.kind(index) == NodeKind::kVfioDevice) add(index);
    if (graph.kind(index) != NodeKind::kVfioGroup) continue;
    for (const auto& edge : graph.holders(index)) {
      if (graph.kind(edge.node) == NodeKind::kVfioDevice) add(edge.node);
    }
  }
  return {devices.begin(), devices.end()};
}

std::string impact_text(const Graph& graph, const Cause& cause) {
  std::string text;
  const auto append = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  for (const auto index : cause.objects) {
    if (graph.kind(index) == NodeKind::kVfioGroup &&
        facts_of<VfioGroupFacts>(graph.node(index)).number >= 0) {
      append("next start fails: " + consequence_text(graph, index));
    }
  }
  for (const auto index : cause.objects) {
    if (graph.kind(index) == NodeKind::kVfioDevice) append(consequence_text(graph, index));
  }
  if (text.empty()) append(consequence_text(graph, cause.primary));
  return text;
}

void add_images(const Graph& graph, NodeIndex process, std::vector<Consequence>& out) {
  std::unordered_set<NodeIndex> seen;
  for (const auto& file : graph.held(process)) {
    if (graph.kind(file.node) != NodeKind::kOpenFile) continue;
    for (const auto& image : graph.held(file.node)) {
      if (graph.kind(image.node) != NodeKind::kFile || !seen.insert(image.node).second) continue;
      const auto object = object_ref(graph.node(image.node));
      out.push_back({object.kind, object.id, object.name, consequence_text(graph, image.node)});
    }
  }
}

}  // namespace

Impact impact_of(const Sample& sample, const Cause& cause) {
  return {kept_bytes(sample.graph, cause), blocked_devices(sample.graph, cause),
          impact_text(sample.graph, cause)};
}

std::vector<Consequence> consequences_of(const Sample& sample, const Cause& cause) {
  const auto& graph = sample.graph;
  std::vector<Consequence> out;
  for (const auto index : cause.objects) {
    if (index == cause.primary) continue;
    const auto object = object_ref(graph.node(index));
    out.push_back({object.kind, object.id, object.name, consequence_text(graph, index)});
  }
  for (const auto task : cause.running) add_images(graph, task, out);
  return out;
}

}  // namespace vmleak
