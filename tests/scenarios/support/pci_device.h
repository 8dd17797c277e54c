// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace vmleak::scenarios {

// Addresses of the lab's test devices: VMLEAK_LAB_<name>, e.g. "E1000E".
// Empty when they are not plugged in.
std::vector<std::string> lab_devices(const std::string& name);

// A PCI device under a driver of the test's choice.  Gives it back to the
// driver that it had.
class PciDevice {
 public:
  // `driver` is "vfio-pci", the name of a host driver, or empty: unbound.
  PciDevice(std::string address, const std::string& driver);
  PciDevice(const PciDevice&) = delete;
  PciDevice& operator=(const PciDevice&) = delete;
  ~PciDevice();

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] int iommu_group() const;
  // "/dev/vfio/N"
  [[nodiscard]] std::string group_path() const;
  // Name of the driver that it is bound to; empty when unbound.
  [[nodiscard]] std::string driver() const;
  // It is on the bus.
  [[nodiscard]] bool exists() const;

  void bind(const std::string& driver) const;
  // Writes driver_override alone; an empty name takes it back.
  void override_driver(const std::string& driver) const;

  // "/sys/bus/pci/devices/ADDRESS/NAME"
  [[nodiscard]] std::string sysfs_file(const std::string& name) const;

 private:
  std::string address_;
  std::string original_driver_;
};

// A scan of all PCI buses comes to its end in this time.
bool rescan_ends_within(std::chrono::seconds patience);

}  // namespace vmleak::scenarios
