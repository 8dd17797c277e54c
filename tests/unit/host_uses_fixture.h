// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/host_uses.h"
#include "host_tree.h"

namespace vmleak {

// A host with one PCI function, 0000:8a:00.0, and files of /proc that say that
// nothing is in use.
class HostUsesTest : public ::testing::Test {
 protected:
  static constexpr const char* kAddress = "0000:8a:00.0";

  HostUsesTest() {
    add_function(kAddress, "0x020000", "driver");
    tree.file("/proc/self/mountinfo", kOtherMount)
        .file("/proc/1/mountinfo", kOtherMount)
        .file("/proc/swaps", "Filename Type Size Used Priority\n")
        .file("/proc/net/route", "Iface Destination Gateway\n")
        .file("/proc/self/environ", std::string("HOME=/root\0", 11))
        .file("/proc/self/status", "Name:\tvmleak\nPPid:\t0\n")
        .link("/proc/self/ns/net", "net:[1]")
        .link("/proc/1/ns/net", "net:[1]")
        .file("/proc/1/comm", "init\n")
        .directory("/proc/1/fd");
  }

  static std::string directory(const std::string& address) {
    return "/sys/bus/pci/devices/" + address;
  }

  void add_function(const std::string& address, const std::string& class_code,
                    const std::string& driver) {
    tree.file(directory(address) + "/vendor", "0x8086\n")
        .file(directory(address) + "/device", "0x1533\n")
        .file(directory(address) + "/class", class_code + "\n");
    if (!driver.empty()) tree.link(directory(address) + "/driver", "../../drivers/" + driver);
  }
  void set_class(const std::string& class_code) {
    tree.file(directory(kAddress) + "/class", class_code + "\n");
  }

  // A device below the function; `path` is relative to it.  Gives its directory.
  std::string add(const std::string& path, const std::string& subsystem,
                  const std::string& number = "", const std::string& node = "",
                  const std::string& address = kAddress) {
    const auto at = directory(address) + "/" + path;
    tree.link(at + "/subsystem", "../../../class/" + subsystem);
    if (!number.empty()) tree.file(at + "/dev", number + "\n");
    if (!node.empty()) tree.file(at + "/uevent", "MAJOR=1\nDEVNAME=" + node + "\n");
    return at;
  }
  void open_node(const std::string& pid, const std::string& comm, const std::string& path,
                 const DeviceNode& node) {
    tree.link("/proc/" + pid + "/fd/7", path).file("/proc/" + pid + "/comm", comm + "\n");
    nodes["/proc/" + pid + "/fd/7"] = node;
  }

  std::vector<HostUse> uses(const std::string& address = kAddress) {
    HostProbes probes;
    probes.is_held = [this](const std::string& name, DeviceNumber) -> Result<bool> {
      if (name == unreadable_disk) return system_error("open /dev/" + name, EIO);
      tried.push_back(name);
      return held.contains(name);
    };
    probes.device_node = [this](const std::string& path) -> Result<std::optional<DeviceNode>> {
      const auto found = nodes.find(path);
      return found == nodes.end() ? std::nullopt : std::optional(found->second);
    };
    probes.addresses = [this]() -> Result<std::vector<InterfaceAddress>> { return addresses; };
    return HostUses(tree.root(), probes).of(address);
  }

  static constexpr const char* kOtherMount =
      "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

  HostTree tree;
  std::set<std::string> held;  // names of disks
  std::string unreadable_disk;
  std::vector<std::string> tried;
  std::map<std::string, DeviceNode> nodes;  // by the path of a descriptor
  std::vector<InterfaceAddress> addresses;
};

MATCHER_P2(IsUse, kind, text, "") {
  return arg.kind == kind && arg.text.find(text) != std::string::npos;
}

inline void PrintTo(const HostUse& use, std::ostream* stream) {
  *stream << to_string(use.kind) << ": " << use.text;
}

}  // namespace vmleak
