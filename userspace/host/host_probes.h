// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmleak {

struct DeviceNumber {
  unsigned major = 0;
  unsigned minor = 0;
  friend bool operator==(const DeviceNumber&, const DeviceNumber&) = default;
};

// From "259:0", as sysfs and mountinfo have it.
std::optional<DeviceNumber> parse_device_number(std::string_view text);

struct DeviceNode {
  bool block = false;
  DeviceNumber number;
  friend bool operator==(const DeviceNode&, const DeviceNode&) = default;
};

struct InterfaceAddress {
  std::string interface;  // "eth0"
  std::string address;    // "10.0.0.5", "2001:db8::5"
  bool link_local = false;
};

// What is asked of the kernel by other means than a file in /proc or /sys.
struct HostProbes {
  // Whether somebody keeps the block device /dev/`name` for himself (open(2),
  // O_EXCL).  Never writes.  An error when that can't be told.
  std::function<Result<bool>(const std::string& name, DeviceNumber number)> is_held;
  // The device node that a path leads to, e.g. /proc/12/fd/3; nothing when it
  // is none.
  std::function<Result<std::optional<DeviceNode>>(const std::string& path)> device_node;
  // Addresses of the interfaces of this network namespace.
  std::function<Result<std::vector<InterfaceAddress>>()> addresses;
};

HostProbes system_probes();

}  // namespace vmleak
