// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "support/child_process.h"
#include "support/pci_device.h"

namespace vmleak::scenarios {

// The parts that several scenarios cast.  Each is ready when it is returned.

// A VMM with one running vCPU; value() is its VM descriptor.  Resuming it ends
// it in an orderly way.
std::unique_ptr<ChildProcess> cast_vmm();

// A VMM like QEMU with a passed-through device: VM, kvm-vfio, group,
// container, DMA mapping, device, BAR mapping.  value() is its VFIO device
// descriptor.
std::unique_ptr<ChildProcess> cast_passthrough_vmm(const PciDevice& device);

// A process that keeps a file of another one open and does nothing else.
std::unique_ptr<ChildProcess> cast_holder(pid_t pid, int fd);

// A process that writes a text to a file of sysfs once it is resumed, in one
// write(2), and ends.
std::unique_ptr<ChildProcess> cast_writer(std::string_view name, const std::string& path,
                                          const std::string& text);

}  // namespace vmleak::scenarios
