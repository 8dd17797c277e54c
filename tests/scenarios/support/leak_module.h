// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace vmleak::scenarios {

// The test module of tests/lab/module: takes references that nobody holds, and
// makes tasks stall.  Loaded with the first object; every object gives back
// all and wakes everybody when it dies.
class LeakModule {
 public:
  static constexpr const char* kDevice = "/dev/vmleak_test_leak";

  LeakModule();
  LeakModule(const LeakModule&) = delete;
  LeakModule& operator=(const LeakModule&) = delete;
  ~LeakModule();

  void keep_file(pid_t pid, int fd) const;
  void keep_mm(pid_t pid) const;
  void keep_kvm(pid_t pid, int vm_fd) const;
  void keep_vfio_device(pid_t pid, int device_fd) const;
  // Keeps the device at the moment when it is about to be unbound.
  void race_with_unbind(pid_t pid, int device_fd) const;
  void keep_iommu_group(const std::string& pci_address) const;
  void put_all() const;

  // Tasks whose comm starts with `comm` block when they close the module's
  // device: in exit, or in its final release.
  void stall_exit(std::string_view comm) const;
  void stall_release(std::string_view comm) const;
  // The module's PCI driver blocks when the device is given to it ("probe"),
  // taken from it ("remove"), or reset ("reset").
  static constexpr const char* kPciDriver = "vmleak_test_pci";
  void stall_pci(const std::string& pci_address, std::string_view stage) const;
  void wake() const;

 private:
  static void command(const std::string& text);
};

}  // namespace vmleak::scenarios
