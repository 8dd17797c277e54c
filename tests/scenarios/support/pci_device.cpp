// SPDX-License-Identifier: Apache-2.0
#include "support/pci_device.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <utility>

#include "base/file_descriptor.h"
#include "support/check.h"
#include "support/child_process.h"

namespace vmleak::scenarios {
namespace {

namespace fs = std::filesystem;

void write_to(const fs::path& file, const std::string& text) {
  const FileDescriptor fd(
      check(::open(file.c_str(), O_WRONLY | O_CLOEXEC), "open " + file.string()));
  check(::write(fd.get(), text.data(), text.size()), "write " + file.string());
}

fs::path sysfs(const std::string& address) { return fs::path("/sys/bus/pci/devices") / address; }

// The last part of where a symbolic link points to; empty when there is none.
std::string link_name(const fs::path& link) {
  std::error_code error;
  return fs::read_symlink(link, error).filename();
}

}  // namespace

std::vector<std::string> lab_devices(const std::string& name) {
  const char* addresses = std::getenv(("VMLEAK_LAB_" + name).c_str());
  std::istringstream words(addresses == nullptr ? "" : addresses);
  std::vector<std::string> devices;
  for (std::string word; words >> word;) devices.push_back(word);
  return devices;
}

PciDevice::PciDevice(std::string address, const std::string& driver)
    : address_(std::move(address)), original_driver_(this->driver()) {
  bind(driver);
}

PciDevice::~PciDevice() {
  try {
    bind(original_driver_);
  } catch (const std::exception& error) {
    std::cerr << "restore " << address_ << ": " << error.what() << '\n';
  }
}

int PciDevice::iommu_group() const { return std::stoi(link_name(sysfs(address_) / "iommu_group")); }

std::string PciDevice::group_path() const { return fmt::format("/dev/vfio/{}", iommu_group()); }

std::string PciDevice::driver() const { return link_name(sysfs(address_) / "driver"); }

bool PciDevice::exists() const { return fs::exists(sysfs(address_)); }

void PciDevice::bind(const std::string& wanted) const {
  const auto device = sysfs(address_);
  if (driver() == wanted) return;
  if (!driver().empty()) write_to(device / "driver" / "unbind", address_);
  override_driver(wanted);
  if (wanted.empty()) return;
  write_to("/sys/bus/pci/drivers_probe", address_);
  if (driver() != wanted) fail("bind {} to {}: it is bound to '{}'", address_, wanted, driver());
}

void PciDevice::override_driver(const std::string& driver) const {
  // A line without a name takes the override back.
  write_to(sysfs(address_) / "driver_override", driver + "\n");
}

std::string PciDevice::sysfs_file(const std::string& name) const { return sysfs(address_) / name; }

bool rescan_ends_within(std::chrono::seconds patience) {
  ChildProcess scan("rescan", [](const Stage& stage) {
    stage.pause();
    write_to("/sys/bus/pci/rescan", "1");
  });
  scan.resume_only();
  return scan.ends_within(patience);
}

}  // namespace vmleak::scenarios
