// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/host_probes.h"
#include "host/host_root.h"

namespace vmleak {

// A device that the kernel made of another one: a disk, an interface, a port.
struct ChildDevice {
  std::string subsystem;  // "block", "net", "drm", "virtio", ...
  std::string name;       // "nvme0n1"
  std::string path;       // its directory
  std::string node;       // below /dev, e.g. "dri/card0"; empty when it has none
  std::optional<DeviceNumber> number;
};

struct DeviceTree {
  std::vector<ChildDevice> devices;
  // It has network interfaces, and none of them is in this network namespace.
  bool hidden_interfaces = false;
};

// All devices below the directory of one, which are not counted among them.
// Error when a part of it can't be read.  `through_pci`: also what is below
// other PCI functions there.
Result<DeviceTree> read_device_tree(const HostRoot& root, const std::string& path,
                                    bool through_pci);

}  // namespace vmleak
