// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/device_tree.h"
#include "host/host_probes.h"
#include "host/host_root.h"
#include "host/mounts.h"
#include "host/network_tables.h"
#include "host/open_devices.h"
#include "host/pci.h"
#include "model/pci.h"

namespace vmleak {

// What is read once for all functions.
class HostTables {
 public:
  HostTables(HostRoot from, HostProbes with) : root(std::move(from)), probes(std::move(with)) {}

  const Result<std::vector<Mount>>& mounts();
  const Result<std::vector<std::string>>& swaps();
  const Result<NetworkTables>& network();
  const OpenDevices& open_devices();

  const HostRoot root;
  const HostProbes probes;

 private:
  std::optional<Result<std::vector<Mount>>> mounts_;
  std::optional<Result<std::vector<std::string>>> swaps_;
  std::optional<Result<NetworkTables>> network_;
  std::optional<OpenDevices> open_devices_;
};

// One function, and what was found out about it so far.
struct UsedFunction {
  void use(HostUseKind kind, std::string text) { uses.push_back({kind, std::move(text)}); }
  void unknown(const Error& error) {
    use(HostUseKind::kUnknown, "whether the host uses it can't be told: " + error.message);
  }
  // An attribute of sysfs that may be missing, which is an empty one; another
  // failure is a use of kind kUnknown.
  [[nodiscard]] std::string attribute(const std::string& path);
  [[nodiscard]] std::vector<std::string> entries(const std::string& path);

  HostTables& tables;
  PciDevice pci;
  std::string path;  // of its directory
  DeviceTree tree;
  std::vector<HostUse> uses;
};

// Each adds the uses of one kind.
void read_block_uses(UsedFunction& function);
void read_network_uses(UsedFunction& function);
void read_rdma_uses(UsedFunction& function);
void read_display_uses(UsedFunction& function);
void read_open_nodes(UsedFunction& function);
void read_virtio_uses(UsedFunction& function);
void read_virtual_function_uses(UsedFunction& function);

// What all of them find, for one function.
std::vector<HostUse> read_host_uses(HostTables& tables, const std::string& address);

// "qemu-system-x86 (4711)"
std::string opener(const OpenDevice& device);

}  // namespace vmleak
