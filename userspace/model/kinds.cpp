// SPDX-License-Identifier: Apache-2.0
#include "model/kinds.h"

#include "model/names.h"

namespace vmleak {
namespace {

constexpr NameTable<NodeKind, 14> kNodeKinds{{
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
    {NodeKind::kEventfd, "eventfd"},
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

constexpr NameTable<OriginState, 5> kOriginStates{{
    {OriginState::kTaken, "taken"},
    {OriginState::kForgotten, "forgotten"},
    {OriginState::kUnbalanced, "unbalanced"},
    {OriginState::kOpened, "opened"},
    {OriginState::kPreexisting, "preexisting"},
}};

}  // namespace

std::string_view to_string(NodeKind kind) { return name_of(kNodeKinds, kind); }
std::string_view to_string(Verdict verdict) { return name_of(kVerdicts, verdict); }
std::string_view to_string(OwnerState state) { return name_of(kOwnerStates, state); }
std::string_view to_string(Tier tier) { return name_of(kTiers, tier); }
std::string_view to_string(FamilyState state) { return name_of(kFamilyStates, state); }
std::string_view to_string(OriginState state) { return name_of(kOriginStates, state); }

std::optional<NodeKind> node_kind_from(std::string_view name) { return value_of(kNodeKinds, name); }
std::optional<Verdict> verdict_from(std::string_view name) { return value_of(kVerdicts, name); }

void to_json(nlohmann::json& json, NodeKind kind) { json = to_string(kind); }
void from_json(const nlohmann::json& json, NodeKind& kind) { read_name(kNodeKinds, json, kind); }
void to_json(nlohmann::json& json, Verdict verdict) { json = to_string(verdict); }
void from_json(const nlohmann::json& json, Verdict& verdict) {
  read_name(kVerdicts, json, verdict);
}
void to_json(nlohmann::json& json, OwnerState state) { json = to_string(state); }
void from_json(const nlohmann::json& json, OwnerState& state) {
  read_name(kOwnerStates, json, state);
}
void to_json(nlohmann::json& json, Tier tier) { json = to_string(tier); }
void from_json(const nlohmann::json& json, Tier& tier) { read_name(kTiers, json, tier); }
void to_json(nlohmann::json& json, FamilyState state) { json = to_string(state); }
void from_json(const nlohmann::json& json, FamilyState& state) {
  read_name(kFamilyStates, json, state);
}

}  // namespace vmleak
