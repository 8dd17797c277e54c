// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// One line of the kernel's log that is about a device: dev_printk() writes
// "<driver> <device>: <text>" and names the device in the record.
struct DeviceMessage {
  std::string pci_address;
  std::string driver;
  std::uint64_t monotonic_ns = 0;  // since boot, as the log has it
  std::string text;                // the whole line
};

// One record of /dev/kmsg: "priority,sequence,microseconds,flags;text", then
// lines " KEY=value".  Nothing when it is not about a PCI device.
std::optional<DeviceMessage> parse_kmsg_record(std::string_view record);

// All of them that the kernel still has, the oldest first; never waits.
Result<std::vector<DeviceMessage>> read_device_messages(const HostRoot& root);

}  // namespace vmleak
