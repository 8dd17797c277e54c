// SPDX-License-Identifier: Apache-2.0
#include "host/network_tables.h"

#include <algorithm>

#include "host/text.h"

namespace vmleak {
namespace {

bool is_zero(std::string_view digits) {
  return !digits.empty() && digits.find_first_not_of('0') == std::string_view::npos;
}

// As deep as a session goes: sshd, shell, sudo, screen, ...
constexpr int kMaxAncestors = 64;

std::string parent_of(std::string_view status) {
  constexpr std::string_view kKey = "PPid:";
  while (!status.empty()) {
    auto line = next_part(status, '\n');
    if (line.starts_with(kKey)) return std::string(trim(line.substr(kKey.size())));
  }
  return {};
}

std::optional<std::string> server_address(std::string_view environment) {
  constexpr std::string_view kKey = "SSH_CONNECTION=";
  while (!environment.empty()) {
    auto entry = next_part(environment, '\0');
    if (!entry.starts_with(kKey)) continue;
    entry.remove_prefix(kKey.size());
    // "10.0.0.9 54321 10.0.0.5 22"
    next_word(entry);
    next_word(entry);
    auto address = next_word(entry);
    address = address.substr(0, address.find('%'));  // interface of a link-local address
    if (!address.empty()) return std::string(address);
  }
  return std::nullopt;
}

Status check_namespace(const HostRoot& root) {
  const auto own = root.read_link("/proc/self/ns/net");
  if (!own) return own.error();
  const auto host = root.read_link("/proc/1/ns/net");
  if (!host) return host.error();
  if (*own == *host) return {};
  return Error{"read routes: this is not the host's network namespace"};
}

}  // namespace

std::set<std::string> parse_ipv4_default_routes(std::string_view text) {
  std::set<std::string> out;
  next_part(text, '\n');  // headings
  while (!text.empty()) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    auto line = next_part(text, '\n');
    const auto interface = next_word(line);
    const auto destination = next_word(line);
    for (int skip = 0; skip < 5; ++skip) next_word(line);
    const auto mask = next_word(line);
    if (is_zero(destination) && is_zero(mask)) out.emplace(interface);
  }
  return out;
}

std::set<std::string> parse_ipv6_default_routes(std::string_view text) {
  std::set<std::string> out;
  while (!text.empty()) {
    // destination length source length next-hop metric refcount use flags interface
    auto line = next_part(text, '\n');
    const auto destination = next_word(line);
    const auto length = next_word(line);
    std::string_view interface;
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) interface = word;
    // Those on lo say that there is no route.
    if (is_zero(destination) && is_zero(length) && interface != "lo") out.emplace(interface);
  }
  return out;
}

Result<std::optional<std::string>> read_operator_address(const HostRoot& root) {
  std::string pid = "self";
  for (int depth = 0; depth < kMaxAncestors && !pid.empty() && pid != "0"; ++depth) {
    const auto environment = root.read(fmt::format("/proc/{}/environ", pid));
    if (!environment) return environment.error();
    if (auto address = server_address(*environment)) return address;
    const auto status = root.read(fmt::format("/proc/{}/status", pid));
    if (!status) return status.error();
    pid = parent_of(*status);
  }
  return std::optional<std::string>();
}

Result<NetworkTables> read_network_tables(const HostRoot& root, const HostProbes& probes) {
  if (auto same = check_namespace(root); !same) return same.error();
  NetworkTables out;
  const auto ipv4 = root.read("/proc/net/route");
  if (!ipv4) return ipv4.error();
  out.default_routes = parse_ipv4_default_routes(*ipv4);
  const auto ipv6 = root.read("/proc/net/ipv6_route", std::size_t{64} << 20);
  // No such file: a kernel without IPv6.
  if (!ipv6 && !is_gone(ipv6.error())) return ipv6.error();
  if (ipv6) out.default_routes.merge(parse_ipv6_default_routes(*ipv6));
  auto addresses = probes.addresses();
  if (!addresses) return addresses.error();
  out.addresses = std::move(*addresses);
  auto operator_address = read_operator_address(root);
  if (!operator_address) return operator_address.error();
  out.operator_address = std::move(*operator_address);
  return out;
}

}  // namespace vmleak
