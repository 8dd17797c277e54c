// SPDX-License-Identifier: Apache-2.0
#include "model/pci.h"

#include "model/names.h"

namespace vmleak {
namespace {

constexpr NameTable<HostUseKind, 9> kHostUseKinds{{
    {HostUseKind::kBlockDevice, "block device"},
    {HostUseKind::kNetwork, "network"},
    {HostUseKind::kRdma, "RDMA"},
    {HostUseKind::kConsole, "console"},
    {HostUseKind::kGpu, "GPU"},
    {HostUseKind::kVirtualFunctions, "virtual functions"},
    {HostUseKind::kShare, "share"},
    {HostUseKind::kDeviceFile, "device file"},
    {HostUseKind::kUnknown, "unknown"},
}};

constexpr NameTable<KernelWait, 5> kKernelWaits{{
    {KernelWait::kVfioUnregister, "vfio_unregister"},
    {KernelWait::kPciRescanLock, "pci_rescan_lock"},
    {KernelWait::kDeviceLock, "device_lock"},
    {KernelWait::kReset, "reset"},
    {KernelWait::kDriver, "driver"},
}};

}  // namespace

bool is_vfio_driver(std::string_view driver) {
  return driver.find("vfio") != std::string_view::npos;
}

std::string_view to_string(HostUseKind kind) { return name_of(kHostUseKinds, kind); }
std::string_view to_string(KernelWait wait) { return name_of(kKernelWaits, wait); }

void to_json(nlohmann::json& json, HostUseKind kind) { json = to_string(kind); }
void from_json(const nlohmann::json& json, HostUseKind& kind) {
  read_name(kHostUseKinds, json, kind);
}
void to_json(nlohmann::json& json, KernelWait wait) { json = to_string(wait); }
void from_json(const nlohmann::json& json, KernelWait& wait) {
  read_name(kKernelWaits, json, wait);
}

}  // namespace vmleak
