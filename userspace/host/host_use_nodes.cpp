// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "host/host_use_readers.h"

namespace vmleak {
namespace {

struct NodeUse {
  std::string_view subsystem;
  HostUseKind kind;
};

constexpr std::array kNodeUses = std::to_array<NodeUse>({
    {"drm", HostUseKind::kGpu},
    {"accel", HostUseKind::kGpu},
    {"kfd", HostUseKind::kGpu},
    {"graphics", HostUseKind::kConsole},
    {"tty", HostUseKind::kConsole},
    {"infiniband_verbs", HostUseKind::kRdma},
    {"infiniband_mad", HostUseKind::kRdma},
});

// Files of VFIO are use by a VM, which the books know better; disks are looked
// at by themselves.
constexpr std::array<std::string_view, 2> kElsewhere{"vfio-dev", "block"};

HostUseKind kind_of(const std::string& subsystem) {
  const auto* row = std::find_if(kNodeUses.begin(), kNodeUses.end(),
                                 [&](const NodeUse& use) { return use.subsystem == subsystem; });
  return row == kNodeUses.end() ? HostUseKind::kDeviceFile : row->kind;
}

}  // namespace

void read_open_nodes(UsedFunction& function) {
  bool looked = false;
  for (const auto& device : function.tree.devices) {
    if (!device.number ||
        std::find(kElsewhere.begin(), kElsewhere.end(), device.subsystem) != kElsewhere.end()) {
      continue;
    }
    looked = true;
    if (const auto* open = function.tables.open_devices().find({false, *device.number})) {
      function.use(kind_of(device.subsystem),
                   fmt::format("{} is open by {}", open->path, opener(*open)));
    }
  }
  if (looked && function.tables.open_devices().incomplete) {
    function.unknown(*function.tables.open_devices().incomplete);
  }
}

}  // namespace vmleak
