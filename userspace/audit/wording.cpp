// SPDX-License-Identifier: Apache-2.0
#include "audit/wording.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>

namespace vmleak {
namespace {

std::uint64_t dma_bytes(const VfioContainerFacts& facts) {
  std::uint64_t bytes = 0;
  for (const auto& user : facts.dma_users) bytes += user.bytes;
  return bytes;
}

std::string mm_text(const Node& node) {
  if (node.name.starts_with("address space")) return node.name;
  const auto& facts = facts_of<MmFacts>(node);
  const auto comm = facts.owner_comm.empty() ? std::string("a process") : facts.owner_comm;
  return facts.owner_pid == 0 ? fmt::format("address space of {}", comm)
                              : fmt::format("address space of {} {}", comm, facts.owner_pid);
}

std::string kvm_text(const Node& node) {
  const auto& facts = facts_of<KvmFacts>(node);
  if (!node.name.empty()) return node.name.starts_with("VM ") ? node.name : "VM " + node.name;
  if (!facts.stats_id.empty()) return "VM " + facts.stats_id;
  return fmt::format("VM of process {}", facts.creator_pid);
}

std::string group_text(const Node& node) {
  const auto number = facts_of<VfioGroupFacts>(node).number;
  return number < 0 ? "VFIO group without a device" : fmt::format("VFIO group {}", number);
}

std::string open_file_text(const Node& node) {
  const auto& facts = facts_of<OpenFileFacts>(node);
  if (!facts.path.empty()) return "file " + facts.path;
  return facts.type.empty() ? "file" : fmt::format("file [{}]", facts.type);
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.4g} {}", value, kUnits.at(unit));
}

std::string count_text(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string rfc3339(std::uint64_t time_ns) {
  using namespace std::chrono;
  const sys_seconds time{duration_cast<seconds>(nanoseconds{time_ns})};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

ObjectRef object_ref(const Node& node) {
  const std::string id(local_id(node.id));
  return {std::string(to_string(node.kind)), id, node.name.empty() ? id : node.name};
}

std::string process_text(const Node& process) {
  const auto& facts = facts_of<ProcessFacts>(process);
  auto text = fmt::format("{} {}", facts.comm.empty() ? process.name : facts.comm, facts.pid);
  if (!facts.vm.name.empty()) return text + fmt::format(" (domain {})", facts.vm.name);
  if (!facts.pod.empty()) {
    return text + fmt::format(" (pod {})", facts.pod_name.empty() ? facts.pod : facts.pod_name);
  }
  if (!facts.unit.empty()) return text + fmt::format(" (unit {})", facts.unit);
  return text;
}

std::string node_text(const Graph& graph, NodeIndex index) {
  const auto& node = graph.node(index);
  const auto named = [&](std::string_view what) {
    return fmt::format("{} {}", what, node.name.empty() ? local_id(node.id) : node.name);
  };
  switch (node.kind) {
    case NodeKind::kKvm:
      return kvm_text(node);
    case NodeKind::kMm:
      return mm_text(node);
    case NodeKind::kVfioGroup:
      return group_text(node);
    case NodeKind::kVfioDevice:
      return named("VFIO device");
    case NodeKind::kIommuGroup:
      return fmt::format("IOMMU group {}", facts_of<IommuGroupFacts>(node).number);
    case NodeKind::kModule:
      return named("module");
    case NodeKind::kFile:
      return named("disk image");
    case NodeKind::kOpenFile:
      return open_file_text(node);
    case NodeKind::kProcess:
      return process_text(node);
    case NodeKind::kKernelThread:
      return "kernel thread " + process_text(node);
    case NodeKind::kVfioContainer:
      return node.name.starts_with("VFIO container") ? node.name : "VFIO container";
    case NodeKind::kIoUring:
      return "io_uring";
    case NodeKind::kEventfd:
      return fmt::format("eventfd {}", facts_of<EventfdFacts>(node).number);
    case NodeKind::kDriver:
      return named("driver");
  }
  return node.id;
}

std::string consequence_text(const Graph& graph, NodeIndex index) {
  const auto& node = graph.node(index);
  switch (node.kind) {
    case NodeKind::kVfioGroup: {
      const auto number = facts_of<VfioGroupFacts>(node).number;
      if (number < 0) return "hinders no VM: its device has left it; vfio can't be unloaded";
      return fmt::format("open /dev/vfio/{}: Device or resource busy", number);
    }
    case NodeKind::kVfioDevice:
      return fmt::format("unbinding or removing {} would block and could not be killed",
                         facts_of<VfioDeviceFacts>(node).pci_address);
    case NodeKind::kVfioContainer: {
      const auto bytes = dma_bytes(facts_of<VfioContainerFacts>(node));
      return bytes == 0 ? "stays open" : fmt::format("{} stay pinned for DMA", bytes_text(bytes));
    }
    case NodeKind::kMm: {
      const auto bytes = facts_of<MmFacts>(node).mapped_bytes;
      return fmt::format("{} stay mapped", bytes == 0 ? "its pages" : bytes_text(bytes));
    }
    case NodeKind::kKvm:
      return fmt::format("its vCPUs ({}) stay in the kernel", facts_of<KvmFacts>(node).vcpus);
    case NodeKind::kFile:
      return "is kept open by the same holder";
    default:
      return {};
  }
}

}  // namespace vmleak
