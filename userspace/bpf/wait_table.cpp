// SPDX-License-Identifier: Apache-2.0
#include "bpf/wait_table.h"

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

// Seen on 6.1 and 6.12: drivers/base/{bus,dd}.c, drivers/pci/{pci,pci-sysfs,
// pci-driver,remove}.c, drivers/vfio/vfio_main.c.  A static function can have
// the name of another one elsewhere; what its task writes to decides then.
constexpr std::array kWaitTable = std::to_array<WaitFunction>({
    {"vfio_unregister_group_dev", false, KernelWait::kVfioUnregister},
    // pci_lock_rescan_remove() leaves no frame: it ends in a jump to its mutex.
    {"pci_lock_rescan_remove", true, KernelWait::kPciRescanLock},
    {"pci_stop_and_remove_bus_device_locked", true, KernelWait::kPciRescanLock},
    {"rescan_store", true, KernelWait::kPciRescanLock},
    {"dev_rescan_store", true, KernelWait::kPciRescanLock},
    {"bus_rescan_store", true, KernelWait::kPciRescanLock},
    {"pciehp_configure_device", true, KernelWait::kPciRescanLock},
    {"pciehp_unconfigure_device", true, KernelWait::kPciRescanLock},
    {"device_release_driver_internal", true, KernelWait::kDeviceLock},
    {"device_driver_attach", true, KernelWait::kDeviceLock},
    {"__device_attach", true, KernelWait::kDeviceLock},
    {"__driver_attach", true, KernelWait::kDeviceLock},
    {"bus_rescan_devices_helper", true, KernelWait::kDeviceLock},
    {"driver_set_override", true, KernelWait::kDeviceLock},
    {"driver_override_store", true, KernelWait::kDeviceLock},
    {"driver_override_show", true, KernelWait::kDeviceLock},
    {"sriov_numvfs_store", true, KernelWait::kDeviceLock},
    {"pci_dev_lock", true, KernelWait::kDeviceLock},
    {"pci_reset_function", true, KernelWait::kDeviceLock},
    {"pci_reset_function", false, KernelWait::kReset},
    {"__pci_reset_function_locked", false, KernelWait::kReset},
    {"pci_reset_function_locked", false, KernelWait::kReset},
    {"pci_try_reset_function", false, KernelWait::kReset},
    {"pci_reset_bus", false, KernelWait::kReset},
    {"pci_device_remove", false, KernelWait::kDriver},
    {"local_pci_probe", false, KernelWait::kDriver},
    {"pci_device_probe", false, KernelWait::kDriver},
    {"pci_device_shutdown", false, KernelWait::kDriver},
});

// Without " [module]" and without what compilers add: ".isra.0".
std::string_view plain_name(std::string_view frame) {
  return frame.substr(0, frame.find_first_of(" ."));
}

}  // namespace

std::span<const WaitFunction> wait_table() { return kWaitTable; }

std::optional<KernelWait> wait_of(const std::vector<std::string>& stack) {
  const auto is_in = [&stack](const WaitFunction& row) {
    const auto end = row.innermost && !stack.empty() ? stack.begin() + 1 : stack.end();
    return std::any_of(stack.begin(), end,
                       [&row](const auto& frame) { return plain_name(frame) == row.function; });
  };
  const auto* found = std::find_if(kWaitTable.begin(), kWaitTable.end(), is_in);
  if (found == kWaitTable.end()) return std::nullopt;
  return found->wait;
}

}  // namespace vmleak
