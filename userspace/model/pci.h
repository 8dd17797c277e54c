// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak {

// "vfio-pci", "mlx5_vfio_pci", ...: drivers that give a device to user space.
bool is_vfio_driver(std::string_view driver);

// Why the host needs a device.
enum class HostUseKind {
  kBlockDevice,       // mounted, swap, member of dm, md, LVM, multipath, ZFS or Ceph, or open
  kNetwork,           // default route, bond, bridge or OVS member, the operator's connection
  kRdma,              // RDMA in use
  kConsole,           // boot VGA, framebuffer or serial console
  kGpu,               // /dev/nvidia*, /dev/dri/* open
  kVirtualFunctions,  // its virtual functions or mediated devices are in use
  kShare,             // a 9p or virtiofs share is mounted
  kDeviceFile,        // another device node of it is open
  kUnknown,           // could not be found out: treated as in use
};

std::string_view to_string(HostUseKind kind);
void to_json(nlohmann::json& json, HostUseKind kind);
void from_json(const nlohmann::json& json, HostUseKind& kind);

struct HostUse {
  HostUseKind kind = HostUseKind::kUnknown;
  std::string text;  // "nvme0n1p2 is mounted on /", "eth0 carries the default route"
};

// One place that puts a device on a vfio driver on purpose.
struct Parking {
  std::string source;  // "kernel command line", "modprobe.d", "driverctl", "initramfs"
  std::string text;    // "/etc/modprobe.d/vfio.conf: options vfio-pci ids=10de:20b0"
};

// What the kernel's log has of a native driver (not a vfio one) and a device.
struct DriverMessage {
  std::string driver;
  std::uint64_t time_ns = 0;  // CLOCK_REALTIME, the last message in this boot
  std::string text;
};

// One PCI function as sysfs shows it.
struct PciFunction {
  std::string address;  // "0000:8a:00.0"
  std::string name;     // vendor and device, from the PCI ID list
  std::uint32_t class_code = 0;
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::string driver;           // empty when unbound
  std::string driver_override;  // empty when none
  // Kernel modules that are made for it, without vfio drivers; what would take
  // it after a rescan.
  std::vector<std::string> native_drivers;
  std::int64_t iommu_group = -1;
  std::string physical_function;               // of a virtual function, else empty
  std::vector<std::string> virtual_functions;  // of a physical function
  std::string upstream_bridge;                 // empty on a root bus
  std::vector<std::string> reset_methods;      // "flr", "bus", ...: what the kernel offers
  std::string power_state;                     // "D0", "D3hot", "unknown"; empty when not told
  std::vector<Parking> parking;
  std::vector<DriverMessage> driver_messages;
  // Only where CollectOptions::host_uses asked for them.
  std::vector<HostUse> host_uses;
  bool host_uses_known = false;
};

// What a task waits for inside the kernel.
enum class KernelWait {
  kVfioUnregister,  // vfio_unregister_group_dev: until the device's last file is closed
  kPciRescanLock,   // pci_lock_rescan_remove: until another remove or rescan ends
  kDeviceLock,      // device_lock: until another bind, unbind, reset ends
  kReset,           // pci_reset_function and below: until the device answers
  kDriver,          // a driver's own code, in state D
};

std::string_view to_string(KernelWait wait);
void to_json(nlohmann::json& json, KernelWait wait);
void from_json(const nlohmann::json& json, KernelWait& wait);

// A task that waits for a device to be released or to answer.
struct WaitingTask {
  std::int64_t tid = 0;
  std::int64_t pid = 0;  // thread group id
  std::string comm;
  std::string state;  // "D", "S"
  KernelWait wait = KernelWait::kDriver;
  std::string device;              // PCI address; empty when unknown
  std::uint64_t since_ns = 0;      // CLOCK_REALTIME; 0 when unknown
  std::vector<std::string> stack;  // kernel functions, innermost first
};

}  // namespace vmleak
