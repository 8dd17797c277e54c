// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

struct PciDevice {
  std::string address;  // "0000:8a:00.0"
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint32_t class_code = 0;  // class, subclass, programming interface
  std::string driver;            // empty when unbound
  std::int64_t iommu_group = -1;
};

Result<PciDevice> read_pci_device(const HostRoot& root, std::string_view address);

// "GPU", "network", "NVMe", ...; "device" when the class has no short name.
std::string_view pci_class_name(std::uint32_t class_code);

// "NVIDIA A100 PCIe 40GB" from "NVIDIA Corporation", "GA100 [A100 PCIe 40GB]":
// the names of the PCI ID list without legal forms and chip codes.
std::string short_pci_name(std::string_view vendor, std::string_view device);

// The PCI ID list through libpci, loaded when it is first needed and only where
// it is installed.
class PciNames {
 public:
  PciNames();
  PciNames(PciNames&&) noexcept;
  PciNames& operator=(PciNames&&) noexcept;
  PciNames(const PciNames&) = delete;
  PciNames& operator=(const PciNames&) = delete;
  ~PciNames();

  // short_pci_name() of a device; "8086:10d3" when the list does not have it.
  [[nodiscard]] std::string name(std::uint16_t vendor, std::uint16_t device);
  // Whether there is a list.
  [[nodiscard]] bool available();

 private:
  class Library;
  Library* library();

  bool tried_ = false;
  std::unique_ptr<Library> library_;
};

}  // namespace vmleak
