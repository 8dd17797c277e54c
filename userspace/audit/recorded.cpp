// SPDX-License-Identifier: Apache-2.0
#include "audit/recorded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "audit/taker.h"
#include "audit/wording.h"

namespace vmleak {

std::vector<std::pair<std::string, std::string>> recorded_properties(const AuditContext& context,
                                                                     NodeIndex node) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto& sample = context.now();
  const auto* ledger = sample.ledger.book();
  if (ledger == nullptr) return out;
  const auto& id = sample.graph.node(node).id;
  for (const auto& close : ledger->closes) {
    if (close.file != id) continue;
    const auto task = origin_task(context, close.last);
    out.emplace_back("last closed",
                     fmt::format("{} by {}, {} since {}", task.time, task_text(task),
                                 count_text(close.closes, "close"), rfc3339(ledger->armed_ns)));
  }
  for (const auto& dma : ledger->dma) {
    if (dma.container != id) continue;
    out.emplace_back(
        "DMA since the ledger was armed",
        fmt::format("{} mapped in {} calls, {} unmapped in {}", bytes_text(dma.mapped_bytes),
                    dma.maps, bytes_text(dma.unmapped_bytes), dma.unmaps));
  }
  return out;
}

const DeviceRemoval* removal_of(const Sample& sample, NodeIndex device) {
  const auto* ledger = sample.ledger.book();
  if (ledger == nullptr || device == kNoNode) return nullptr;
  for (const auto& removal : ledger->removals) {
    if (removal.device == sample.graph.node(device).id) return &removal;
  }
  return nullptr;
}

std::vector<Evidence> recorded_removal(const AuditContext& context, NodeIndex device) {
  const auto* removal = removal_of(context.now(), device);
  if (removal == nullptr) return {};
  const auto task = origin_task(context, removal->task);
  std::vector<Evidence> out{
      {"ledger", fmt::format("{} began to remove {} at {}, when it had {}", task_text(task),
                             node_text(context.now().graph, device), task.time,
                             count_text(removal->refcount, "reference"))}};
  if (!removal->stack.empty()) {
    out.push_back({"ledger", fmt::format("in {}", fmt::join(removal->stack, " < "))});
  }
  return out;
}

}  // namespace vmleak
