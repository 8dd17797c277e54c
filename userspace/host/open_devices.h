// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/host_probes.h"
#include "host/host_root.h"

namespace vmleak {

// A device node that a process has open.
struct OpenDevice {
  DeviceNode node;
  std::string path;  // "/dev/nvidia0", as that process sees it
  std::int64_t pid = 0;
  std::string comm;
};

struct OpenDevices {
  std::vector<OpenDevice> devices;
  std::optional<Error> incomplete;  // why some may be missing

  [[nodiscard]] const OpenDevice* find(const DeviceNode& node) const;
};

// The device nodes below /dev that processes have open, from /proc/PID/fd.
OpenDevices read_open_devices(const HostRoot& root, const HostProbes& probes);

}  // namespace vmleak
