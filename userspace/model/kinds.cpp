// SPDX-License-Identifier: Apache-2.0
#include "model/kinds.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace vmleak {
namespace {

template <class E, std::size_t N>
using NameTable = std::array<std::pair<E, std::string_view>, N>;

constexpr NameTable<NodeKind, 13> kNodeKinds{{
    {NodeKind::kKvm, "kvm"},
    {NodeKind::kVfioGroup, "vfio_group"},
    {NodeKind::kVfioDevice, "vfio_device"},
    {NodeKind::kVfioContainer, "vfio_container"},
    {NodeKind::kIommuGroup, "iommu_group"},
    {NodeKind::kMm, "mm"},
    {NodeKind::kModule, "module"},
    {NodeKind::kFile, "file"},
    {NodeKind::kOpenFile, "open_file"},
    {NodeKind::kProcess, "process"},
    {NodeKind::kKernelThread, "kernel_thread"},
    {NodeKind::kIoUring, "io_uring"},
    {NodeKind::kDriver, "driver"},
}};

constexpr NameTable<Verdict, 6> kVerdicts{{
    {Verdict::kClean, "clean"},
    {Verdict::kReleasing, "releasing"},
    {Verdict::kStale, "stale"},
    {Verdict::kHeld, "held"},
    {Verdict::kLeaked, "leaked"},
    {Verdict::kInconclusive, "inconclusive"},
}};

constexpr NameTable<OwnerState, 5> kOwnerStates{{
    {OwnerState::kRunning, "running"},
    {OwnerState::kPaused, "paused"},
    {OwnerState::kShutoff, "shutoff"},
    {OwnerState::kGone, "gone"},
    {OwnerState::kUnknown, "unknown"},
}};

constexpr NameTable<Tier, 4> kTiers{{
    {Tier::kFull, "full"},
    {Tier::kKprobe, "kprobe"},
    {Tier::kSnapshot, "snapshot"},
    {Tier::kProc, "proc"},
}};

constexpr NameTable<FamilyState, 4> kFamilyStates{{
    {FamilyState::kAttached, "attached"},
    {FamilyState::kMissing, "missing"},
    {FamilyState::kOff, "off"},
    {FamilyState::kStale, "stale"},
}};

template <class E, std::size_t N>
std::string_view name_of(const NameTable<E, N>& table, E value) {
  const auto* row = std::find_if(table.begin(), table.end(),
                                 [value](const auto& entry) { return entry.first == value; });
  return row == table.end() ? "?" : row->second;
}

template <class E, std::size_t N>
std::optional<E> value_of(const NameTable<E, N>& table, std::string_view name) {
  const auto* row = std::find_if(table.begin(), table.end(),
                                 [name](const auto& entry) { return entry.second == name; });
  if (row == table.end()) return std::nullopt;
  return row->first;
}

template <class E, std::size_t N>
void read(const NameTable<E, N>& table, const nlohmann::json& json, E& value) {
  const auto& name = json.get_ref<const std::string&>();
  const auto found = value_of(table, name);
  if (!found) {
    throw nlohmann::json::other_error::create(501, "unknown name \"" + name + "\"", &json);
  }
  value = *found;
}

}  // namespace

std::string_view to_string(NodeKind kind) { return name_of(kNodeKinds, kind); }
std::string_view to_string(Verdict verdict) { return name_of(kVerdicts, verdict); }
std::string_view to_string(OwnerState state) { return name_of(kOwnerStates, state); }
std::string_view to_string(Tier tier) { return name_of(kTiers, tier); }
std::string_view to_string(FamilyState state) { return name_of(kFamilyStates, state); }

std::optional<NodeKind> node_kind_from(std::string_view name) { return value_of(kNodeKinds, name); }
std::optional<Verdict> verdict_from(std::string_view name) { return value_of(kVerdicts, name); }

void to_json(nlohmann::json& json, NodeKind kind) { json = to_string(kind); }
void from_json(const nlohmann::json& json, NodeKind& kind) { read(kNodeKinds, json, kind); }
void to_json(nlohmann::json& json, Verdict verdict) { json = to_string(verdict); }
void from_json(const nlohmann::json& json, Verdict& verdict) { read(kVerdicts, json, verdict); }
void to_json(nlohmann::json& json, OwnerState state) { json = to_string(state); }
void from_json(const nlohmann::json& json, OwnerState& state) { read(kOwnerStates, json, state); }
void to_json(nlohmann::json& json, Tier tier) { json = to_string(tier); }
void from_json(const nlohmann::json& json, Tier& tier) { read(kTiers, json, tier); }
void to_json(nlohmann::json& json, FamilyState state) { json = to_string(state); }
void from_json(const nlohmann::json& json, FamilyState& state) { read(kFamilyStates, json, state); }

}  // namespace vmleak
