// SPDX-License-Identifier: Apache-2.0
#include "host/host_use_readers.h"

namespace vmleak {
namespace {

constexpr std::string_view kLink = "virtfn";

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void read_virtual_function(UsedFunction& physical, const std::string& address) {
  const auto pci = read_pci_device(physical.tables.root, address);
  if (!pci) return physical.unknown(pci.error());
  // Whether a VM has it stands in VFIO's books, and not here.
  if (is_vfio_driver(pci->driver)) return;
  for (const auto& use : read_host_uses(physical.tables, address)) {
    const bool known = use.kind != HostUseKind::kUnknown;
    physical.use(known ? HostUseKind::kVirtualFunctions : HostUseKind::kUnknown,
                 fmt::format("its virtual function {}: {}", address, use.text));
  }
}

}  // namespace

void read_virtual_function_uses(UsedFunction& function) {
  for (const auto& entry : function.entries(function.path)) {
    if (!entry.starts_with(kLink)) continue;
    const auto link = function.tables.root.read_link(fmt::format("{}/{}", function.path, entry));
    if (link) {
      read_virtual_function(function, std::string(file_name(*link)));
    } else {
      function.unknown(link.error());
    }
  }
  for (const auto& device : function.tree.devices) {
    if (device.subsystem != "mdev") continue;
    function.use(HostUseKind::kVirtualFunctions, "it has the mediated device " + device.name);
  }
}

}  // namespace vmleak
