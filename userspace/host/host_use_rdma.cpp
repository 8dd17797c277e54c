// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "host/host_use_readers.h"

namespace vmleak {
namespace {

// Users inside the kernel that leave no trace at the device they use: not those
// that make an interface (IPoIB) or a SCSI host (iSER, SRP) below it.
constexpr std::array<std::string_view, 8> kKernelUsers{"9pnet_rdma", "ib_isert",  "ib_srpt",
                                                       "ko2iblnd",   "nvme_rdma", "nvmet_rdma",
                                                       "rds_rdma",   "rpcrdma"};

bool has_active_port(UsedFunction& function, const ChildDevice& device) {
  const auto ports = function.entries(device.path + "/ports");
  return std::any_of(ports.begin(), ports.end(), [&](const std::string& port) {
    // "4: ACTIVE", "1: DOWN"
    const auto state = function.attribute(fmt::format("{}/ports/{}/state", device.path, port));
    return !state.starts_with("1:");
  });
}

}  // namespace

// Programs that use it have its device nodes open, see read_open_nodes().
void read_rdma_uses(UsedFunction& function) {
  for (const auto& device : function.tree.devices) {
    if (device.subsystem != "infiniband" || !has_active_port(function, device)) continue;
    for (const auto user : kKernelUsers) {
      const auto entries = function.entries(fmt::format("/sys/module/{}", user));
      if (entries.empty()) continue;
      function.use(
          HostUseKind::kUnknown,
          fmt::format("whether {}, which is loaded, uses {} can't be told", user, device.name));
    }
  }
}

}  // namespace vmleak
