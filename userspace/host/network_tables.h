// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_probes.h"
#include "host/host_root.h"

namespace vmleak {

// What the host's network has of its interfaces.
struct NetworkTables {
  std::set<std::string> default_routes;  // interfaces that carry one
  std::vector<InterfaceAddress> addresses;
  std::optional<std::string> operator_address;  // where the operator's SSH connection ends
};

// Interfaces of default routes in /proc/net/route and /proc/net/ipv6_route.
std::set<std::string> parse_ipv4_default_routes(std::string_view text);
std::set<std::string> parse_ipv6_default_routes(std::string_view text);

// The server's address from SSH_CONNECTION in the environment of this process
// or the nearest ancestor that has one: sudo takes it away.
Result<std::optional<std::string>> read_operator_address(const HostRoot& root);

// Error also in another network namespace than that of process 1, whose routes
// are not to be seen.
Result<NetworkTables> read_network_tables(const HostRoot& root, const HostProbes& probes);

}  // namespace vmleak
