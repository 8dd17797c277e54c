// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/host_root.h"
#include "model/pci.h"

namespace vmleak {

// What an entry of `vfio-pci.ids=` is compared with.
struct PciIdentity {
  std::string address;
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem_device = 0;
  std::uint32_t class_code = 0;
};

// Whether a list of "vendor:device[:subvendor[:subdevice[:class[:mask]]]]"
// entries has the function (drivers/vfio/pci/vfio_pci.c, vfio_pci_fill_ids).
bool ids_match(std::string_view ids, const PciIdentity& function);

// The `ids=` of a driver in "options vfio-pci ids=..." lines (modprobe.d(5)).
std::vector<std::string> modprobe_ids(std::string_view text);

// The `vfio-pci.ids=` of the kernel's command line, as often as it is given.
std::vector<std::string> command_line_ids(std::string_view text);

// Configuration that puts devices on a vfio driver or pci-stub on purpose: the
// kernel's command line, modprobe.d, the loaded driver's own list, driverctl,
// scripts of the initramfs that name the device.
class ParkingRules {
 public:
  explicit ParkingRules(const HostRoot& root);
  [[nodiscard]] std::vector<Parking> of(const PciIdentity& function) const;

 private:
  struct IdList {
    std::string source;
    std::string text;
    std::string ids;
  };
  struct Mention {
    std::string source;
    std::string path;
    std::string text;
  };

  void read_ids(const HostRoot& root);
  void read_directory(const HostRoot& root, std::string_view directory, std::string_view source);

  std::vector<IdList> ids_;
  std::vector<Mention> mentions_;       // texts that may name a device by its address
  std::vector<std::string> driverctl_;  // addresses with an override of driverctl(8)
};

}  // namespace vmleak
