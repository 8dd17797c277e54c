// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vmleak {

// A device of the host that a VM uses.
struct HostDevice {
  std::string pci_address;  // "0000:8a:00.0"; empty for a mediated device
  std::string mdev_uuid;    // of a mediated device; else empty
  // The manager takes it from its native driver for the VM and gives it back
  // (<hostdev managed='yes'>).
  bool managed = false;
  // Of a mediated device, where its manager says so: the function it is a part
  // of, and its driver.
  std::string parent_address = {};
  std::string driver = {};
};

// A VM that a manager knows now.
struct Domain {
  std::string name;
  std::string uuid;
  std::string source;       // who knows it: "libvirt"
  std::string state;        // as `virsh domstate` names it: "running", "paused", "shut off", ...
  std::string reason;       // as `virsh domstate --reason` names it: "booted", "destroyed", ...
  bool active = false;      // has a process
  bool persistent = false;  // has a definition that outlives its process
  bool autostart = false;   // starts with the host
  std::int64_t pid = 0;     // of its VMM; 0 when inactive or unknown
  std::uint64_t memory_bytes = 0;
  std::uint64_t hugepage_bytes = 0;  // page size of its backing; 0: not on huge pages
  // Of the running VM where there is one, else of the definition.
  std::vector<HostDevice> host_devices;
  std::vector<std::string> disks;       // source files and block devices
  std::vector<std::string> interfaces;  // tap devices, macvtap devices
};

// One run of a VM as a record tells it, also when the VM no longer exists.
struct PastRun {
  std::string name;
  std::string uuid;
  std::string source;    // what kind of record: "Linux audit log", "libvirt domain log", ...
  std::string where;     // the file: "/var/log/libvirt/qemu/gpu-07.log"
  std::int64_t pid = 0;  // of its VMM; 0 when not recorded
  std::uint64_t started_ns = 0;  // CLOCK_REALTIME; 0 when not recorded
  std::uint64_t ended_ns = 0;    // 0 when not recorded: it may still run, or died with its manager
  std::string end_reason;        // as recorded: "shutting down, reason=destroyed"
  std::vector<HostDevice> host_devices;
  std::vector<std::string> disks;
};

}  // namespace vmleak
