// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>

#include <algorithm>

#include "host/host_use_readers.h"
#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kUpper = "upper_";

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The device it is a port of: bond, team, bridge, ovs-system, VRF.
bool find_master(UsedFunction& function, const ChildDevice& interface) {
  const auto master = function.tables.root.read_link(interface.path + "/master");
  if (!master) {
    if (!is_gone(master.error())) function.unknown(master.error());
    return false;
  }
  function.use(HostUseKind::kNetwork,
               fmt::format("{} is a port of {}", interface.name, file_name(*master)));
  return true;
}

// VLANs, macvtaps and the like on top of it.
bool find_upper(UsedFunction& function, const ChildDevice& interface) {
  for (const auto& entry : function.entries(interface.path)) {
    if (!entry.starts_with(kUpper)) continue;
    function.use(HostUseKind::kNetwork,
                 fmt::format("{} is on top of {}", entry.substr(kUpper.size()), interface.name));
    return true;
  }
  return false;
}

bool is_up(UsedFunction& function, const ChildDevice& interface) {
  const auto text = function.attribute(interface.path + "/flags");
  const auto flags = to_hex_number<unsigned>(text);
  if (!flags) function.unknown({fmt::format("read flags of {}: '{}'", interface.name, text)});
  return flags.value_or(0) & IFF_UP;
}

bool find_traffic(UsedFunction& function, const ChildDevice& interface) {
  const auto& network = function.tables.network();
  if (!network) {
    function.unknown(network.error());
    return false;
  }
  const auto use = [&](std::string_view what) {
    function.use(HostUseKind::kNetwork, fmt::format("{} {}", interface.name, what));
    return true;
  };
  const auto has = [&](const auto& wanted) {
    return std::find_if(network->addresses.begin(), network->addresses.end(),
                        [&](const InterfaceAddress& address) {
                          return address.interface == interface.name && wanted(address);
                        });
  };
  const auto none = network->addresses.end();
  if (network->operator_address && has([&](const InterfaceAddress& address) {
                                     return address.address == *network->operator_address;
                                   }) != none) {
    return use("carries your own connection (SSH to " + *network->operator_address + ")");
  }
  if (network->default_routes.contains(interface.name)) return use("carries the default route");
  const auto address = has([](const InterfaceAddress& other) { return !other.link_local; });
  if (address == none || !is_up(function, interface)) return false;
  return use("is up and has the address " + address->address);
}

}  // namespace

void read_network_uses(UsedFunction& function) {
  for (const auto& device : function.tree.devices) {
    if (device.subsystem != "net") continue;
    find_traffic(function, device) || find_master(function, device) || find_upper(function, device);
  }
  if (function.tree.hidden_interfaces) {
    function.use(HostUseKind::kNetwork,
                 "its network interface is in another network namespace (a container's)");
  }
}

}  // namespace vmleak
