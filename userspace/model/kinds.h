// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace vmleak {

// What a node of the reference graph is.  The first group are the counted
// kernel objects a VM owns; the others are what can hold a reference to them.
enum class NodeKind {
  kKvm,            // struct kvm
  kVfioGroup,      // struct vfio_group
  kVfioDevice,     // struct vfio_device
  kVfioContainer,  // struct vfio_container
  kIommuGroup,     // struct iommu_group
  kMm,             // struct mm_struct
  kModule,         // struct module
  kFile,           // struct inode of a disk image

  kOpenFile,      // struct file
  kProcess,       // thread group; also one whose leader is a zombie
  kKernelThread,  // task without an address space of its own
  kIoUring,       // struct io_ring_ctx
  kEventfd,       // struct eventfd_ctx
  kDriver,        // device driver bound to a device
};

enum class Verdict { kClean, kReleasing, kStale, kHeld, kLeaked, kInconclusive };

enum class OwnerState { kRunning, kPaused, kShutoff, kGone, kUnknown };

enum class Tier { kFull, kKprobe, kSnapshot, kProc };

enum class FamilyState { kAttached, kMissing, kOff, kStale };

// What is known of a reference's origin.
enum class OriginState {
  kTaken,        // it is out, and this is who took it
  kForgotten,    // what had to give it back has run and did not
  kUnbalanced,   // a function outside of KVM and VFIO took more than it gave back
  kOpened,       // it is to a file, and this is who opened that
  kPreexisting,  // was there when the ledger was armed
};

// The names used in output and in snapshot files, e.g. "vfio_group", "leaked".
std::string_view to_string(NodeKind kind);
std::string_view to_string(Verdict verdict);
std::string_view to_string(OwnerState state);
std::string_view to_string(Tier tier);
std::string_view to_string(FamilyState state);
std::string_view to_string(OriginState state);

// The reverse; nothing when no such name exists.
std::optional<NodeKind> node_kind_from(std::string_view name);
std::optional<Verdict> verdict_from(std::string_view name);

// JSON as those names; an unknown name throws nlohmann::json::exception.
void to_json(nlohmann::json& json, NodeKind kind);
void from_json(const nlohmann::json& json, NodeKind& kind);
void to_json(nlohmann::json& json, Verdict verdict);
void from_json(const nlohmann::json& json, Verdict& verdict);
void to_json(nlohmann::json& json, OwnerState state);
void from_json(const nlohmann::json& json, OwnerState& state);
void to_json(nlohmann::json& json, Tier tier);
void from_json(const nlohmann::json& json, Tier& tier);
void to_json(nlohmann::json& json, FamilyState state);
void from_json(const nlohmann::json& json, FamilyState& state);

}  // namespace vmleak
