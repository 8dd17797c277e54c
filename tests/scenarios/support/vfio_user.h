// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// A process' side of VFIO, step by step as a VMM takes it: container, group,
// IOMMU, DMA mapping, device.
class VfioUser {
 public:
  VfioUser(std::string group_path, std::string pci_address);
  VfioUser(const VfioUser&) = delete;
  VfioUser& operator=(const VfioUser&) = delete;
  ~VfioUser();

  void open_group();
  // Opens a container, attaches the group to it, and maps memory for DMA.
  void open_container();
  void open_device();
  void open_all() {
    open_group();
    open_container();
    open_device();
  }
  // Maps the first region of the device that can be mapped.  The mapping lasts
  // as long as the process, or its last copy.
  void map_bar() const;

  [[nodiscard]] int group() const { return group_.get(); }
  [[nodiscard]] int container() const { return container_.get(); }
  [[nodiscard]] int device() const { return device_.get(); }
  void close_group() { group_.reset(); }
  void close_container() { container_.reset(); }
  void close_device() { device_.reset(); }
  void close_files();

 private:
  std::string group_path_;
  std::string pci_address_;
  FileDescriptor group_;
  FileDescriptor container_;
  FileDescriptor device_;
  void* memory_ = nullptr;
};

}  // namespace vmleak::scenarios
