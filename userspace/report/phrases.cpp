// SPDX-License-Identifier: Apache-2.0
#include "report/phrases.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vmleak {
namespace {

constexpr std::array kKindLabels = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"kvm", "VM"},
    {"vfio_group", "VFIO group"},
    {"vfio_device", "VFIO device"},
    {"vfio_container", "VFIO container"},
    {"iommu_group", "IOMMU group"},
    {"mm", "address space"},
    {"module", "module"},
    {"file", "disk image"},
    {"open_file", "open file"},
    {"process", "process"},
    {"kernel_thread", "kernel thread"},
    {"io_uring", "io_uring"},
    {"eventfd", "eventfd"},
    {"driver", "driver"},
    {"pci_device", "PCI device"},
});

// UUIDs and ids are long; the first part is what people compare.
constexpr std::size_t kUuidShown = 8;

bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [lower](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::string_view kind_label(std::string_view kind) {
  const auto* row = std::find_if(kKindLabels.begin(), kKindLabels.end(),
                                 [kind](const auto& entry) { return entry.first == kind; });
  return row == kKindLabels.end() ? kind : row->second;
}

std::string_view class_label(std::string_view cls) {
  const auto slash = cls.find('/');
  return slash == std::string_view::npos ? cls : cls.substr(slash + 1);
}

std::string object_title(const ObjectRef& object) {
  const auto label = kind_label(object.kind);
  const auto& name = object.name.empty() ? object.id : object.name;
  if (starts_with_ignoring_case(name, label)) return name;
  const bool belongs = object.kind == to_string(NodeKind::kMm);
  const bool task = object.kind == to_string(NodeKind::kProcess) ||
                    object.kind == to_string(NodeKind::kKernelThread);
  const auto pid = task && name.find(object.id) == std::string::npos ? " " + object.id : "";
  return fmt::format("{} {}{}{}", label, belongs ? "of " : "", name, pid);
}

std::string owner_text(const Owner& owner) {
  std::string text = owner.name;
  if (text.empty() && owner.uuid.empty()) text = "unnamed VM";
  if (!owner.uuid.empty()) {
    const auto uuid = owner.uuid.substr(0, kUuidShown);
    text += text.empty() ? uuid : fmt::format(" ({})", uuid);
  }
  if (owner.state != OwnerState::kUnknown) text += fmt::format(", {}", to_string(owner.state));
  if (owner.pid != 0) text += fmt::format(", pid {}", owner.pid);
  if (!owner.source.empty()) text += fmt::format("  [{}]", owner.source);
  return text;
}

std::string equation(const CounterBalance& balance) {
  std::string sum;
  for (const auto& [cls, references] : balance.classes) {
    sum += fmt::format("{}{} {}", sum.empty() ? "" : " + ", class_label(cls), references);
  }
  if (sum.empty()) sum = "0 holders";
  if (balance.unaccounted < 0) {
    return fmt::format("{} {} = {} - {} too many seen", balance.name, balance.value, sum,
                       -balance.unaccounted);
  }
  auto text = fmt::format("{} {} = {} + unaccounted {}", balance.name, balance.value, sum,
                          balance.unaccounted);
  if (balance.bound > 0) {
    text += fmt::format(" (up to {} may be tasks inside a system call)", balance.bound);
  }
  return text;
}

std::string link_text(const ChainLink& link) {
  const bool task = link.pid != 0;
  std::string text = link.name;
  if (text.empty()) {
    text = task && !link.comm.empty() ? link.comm
                                      : fmt::format("{} {}", kind_label(link.kind), link.id);
  }
  if (task && text.find(std::to_string(link.pid)) == std::string::npos) {
    text += fmt::format(" {}", link.pid);
  }
  if (!link.detail.empty()) text += fmt::format(", {}", link.detail);
  return text;
}

}  // namespace vmleak
