// SPDX-License-Identifier: Apache-2.0
#include "host/host_uses.h"

#include <algorithm>
#include <array>

#include "host/host_use_readers.h"

namespace vmleak {
namespace {

constexpr std::string_view kDevices = "/sys/bus/pci/devices";
constexpr std::uint32_t kBridgeClass = 0x06;

using Reader = void (*)(UsedFunction& function);

// What names a use best comes first: it is what a refusal says.
constexpr std::array kReaders = std::to_array<Reader>({
    read_network_uses,
    read_block_uses,
    read_display_uses,
    read_rdma_uses,
    read_virtio_uses,
    read_virtual_function_uses,
    read_open_nodes,
});

template <class T, class Read>
const T& once(std::optional<T>& kept, const Read& read) {
  if (!kept) kept.emplace(read());
  return *kept;
}

}  // namespace

const Result<std::vector<Mount>>& HostTables::mounts() {
  return once(mounts_, [this] { return read_mounts(root); });
}

const Result<std::vector<std::string>>& HostTables::swaps() {
  return once(swaps_, [this] { return read_swaps(root); });
}

const Result<NetworkTables>& HostTables::network() {
  return once(network_, [this] { return read_network_tables(root, probes); });
}

const OpenDevices& HostTables::open_devices() {
  return once(open_devices_, [this] { return read_open_devices(root, probes); });
}

std::string UsedFunction::attribute(const std::string& file) {
  auto text = tables.root.read_value(file);
  if (!text && !is_gone(text.error())) unknown(text.error());
  return text ? *std::move(text) : std::string();
}

std::vector<std::string> UsedFunction::entries(const std::string& directory) {
  auto names = tables.root.list(directory);
  if (!names && !is_gone(names.error())) unknown(names.error());
  return names ? *std::move(names) : std::vector<std::string>();
}

std::string opener(const OpenDevice& device) {
  return fmt::format("{} ({})", device.comm, device.pid);
}

std::vector<HostUse> read_host_uses(HostTables& tables, const std::string& address) {
  UsedFunction function{tables, {}, fmt::format("{}/{}", kDevices, address), {}, {}};
  auto pci = read_pci_device(tables.root, address);
  if (!pci) {
    function.unknown(pci.error());
    return function.uses;
  }
  function.pci = std::move(*pci);
  // What is below a bridge are functions of their own; below a controller that
  // hides disks behind a domain of its own (VMD), it is what the controller is for.
  const bool through_pci = function.pci.class_code >> 16 != kBridgeClass;
  auto tree = read_device_tree(tables.root, function.path, through_pci);
  if (!tree) {
    function.unknown(tree.error());
    return function.uses;
  }
  function.tree = std::move(*tree);
  for (const auto read : kReaders) read(function);
  return function.uses;
}

HostUses::HostUses(const HostRoot& root, HostProbes probes)
    : tables_(std::make_unique<HostTables>(root, std::move(probes))) {}

HostUses::~HostUses() = default;

std::vector<HostUse> HostUses::of(const std::string& address) const {
  return read_host_uses(*tables_, address);
}

void HostUses::add_to(std::vector<PciFunction>& functions) const {
  for (auto& function : functions) {
    function.host_uses = of(function.address);
    function.host_uses_known =
        std::none_of(function.host_uses.begin(), function.host_uses.end(),
                     [](const HostUse& use) { return use.kind == HostUseKind::kUnknown; });
  }
}

}  // namespace vmleak
