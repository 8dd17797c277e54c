// SPDX-License-Identifier: Apache-2.0
#include "host/host_probes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <memory>

#include "base/file_descriptor.h"
#include "host/host_root.h"
#include "host/text.h"

namespace vmleak {
namespace {

DeviceNode node_of(const struct stat& status) {
  return {S_ISBLK(status.st_mode), {gnu_dev_major(status.st_rdev), gnu_dev_minor(status.st_rdev)}};
}

Result<std::optional<DeviceNode>> device_node(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return system_error("look at " + path, errno);
  if (!S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode)) return std::optional<DeviceNode>();
  return std::optional(node_of(status));
}

// O_NONBLOCK: not to wait for a medium.  Another node under that name must not
// be opened at all: opening a tape, say, does something.
Result<bool> is_held(const std::string& name, DeviceNumber number) {
  const auto path = "/dev/" + name;
  const auto node = device_node(path);
  if (!node) return node.error();
  if (*node != DeviceNode{true, number}) {
    return Error{fmt::format("{} is not block device {}:{}", path, number.major, number.minor)};
  }
  const FileDescriptor fd(
      ::open(path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (fd) return false;
  if (errno == EBUSY) return true;
  if (errno == ENOMEDIUM) return false;
  return system_error(fmt::format("open {} exclusively", path), errno);
}

std::optional<InterfaceAddress> to_address(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  InterfaceAddress out;
  // An IPv4 address is listed by its label, e.g. "eth0:1".
  const std::string_view label = entry.ifa_name;
  out.interface = label.substr(0, label.find(':'));
  const int family = entry.ifa_addr->sa_family;
  if (family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    ::inet_ntop(family, &ipv4->sin_addr, text.data(), text.size());
  } else if (family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr);
    ::inet_ntop(family, &ipv6->sin6_addr, text.data(), text.size());
    out.link_local = IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr) != 0;
  } else {
    return std::nullopt;
  }
  out.address = text.data();
  return out;
}

Result<std::vector<InterfaceAddress>> interface_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) < 0) return system_error("read addresses of interfaces", errno);
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<InterfaceAddress> out;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (auto address = to_address(*entry)) out.push_back(std::move(*address));
  }
  return out;
}

}  // namespace

std::optional<DeviceNumber> parse_device_number(std::string_view text) {
  const auto major = to_number<unsigned>(next_part(text, ':'));
  const auto minor = to_number<unsigned>(text);
  if (!major || !minor) return std::nullopt;
  return DeviceNumber{*major, *minor};
}

HostProbes system_probes() { return {is_held, device_node, interface_addresses}; }

}  // namespace vmleak
