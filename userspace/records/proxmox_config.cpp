// SPDX-License-Identifier: Apache-2.0
#include "records/proxmox_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/pci_address.h"
#include "host/text.h"
#include "host/vmm_command_line.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

constexpr unsigned kMebi = 20;

// "0000:01:00" of "01:00"; empty when it is none.
std::string slot_of(std::string_view text) {
  const auto function = canonical_pci_address(std::string(text) + ".0");
  return function ? std::string(pci_slot(*function)) : std::string();
}

std::uint64_t mebibytes(std::string_view text) {
  const auto value = to_number<std::uint32_t>(text);
  return value ? std::uint64_t{*value} << kMebi : 0;
}

// "0", of "hostpci0" and "hostpci"; nothing when it is another key.
std::optional<unsigned> index_of(std::string_view key, std::string_view kind) {
  if (!key.starts_with(kind)) return std::nullopt;
  return to_number<unsigned>(key.substr(kind.size()));
}

void add_device(unsigned index, std::string_view value, ProxmoxVm& vm) {
  const bool mediated = !option_part(value, "mdev").empty();
  if (mediated) {
    // As Proxmox makes them of its own numbers.
    HostDevice device;
    device.mdev_uuid = fmt::format("{:08}-0000-0000-0000-{:012}", index, vm.vmid);
    vm.domain.host_devices.push_back(std::move(device));
    return;
  }
  if (auto mapping = option_part(value, "mapping"); !mapping.empty()) {
    vm.mappings.push_back(std::move(mapping));
    return;
  }
  const auto hosts = option_part(value, "host", "host");
  std::string_view rest = hosts;
  while (!rest.empty()) {
    const auto host = next_part(rest, ';');
    if (auto address = canonical_pci_address(host)) {
      vm.domain.host_devices.push_back({*std::move(address), "", false});
    } else if (auto slot = slot_of(host); !slot.empty()) {
      vm.slots.push_back(std::move(slot));
    }
  }
}

void add_disk(std::string_view value, ProxmoxVm& vm) {
  // Volumes of storages are called "local-lvm:vm-100-disk-0".
  auto path = option_part(value, "file", "file");
  if (path.starts_with('/')) vm.domain.disks.push_back(std::move(path));
}

std::uint64_t hugepage_bytes(std::string_view value) {
  constexpr std::uint64_t kSmallest = 2ULL << kMebi;
  if (value == "any") return kSmallest;
  return mebibytes(value);
}

void read_line(std::string_view key, std::string_view value, ProxmoxVm& vm) {
  constexpr std::array<std::string_view, 6> kDisks{"ide",    "sata",    "scsi",
                                                   "virtio", "efidisk", "tpmstate"};
  auto& domain = vm.domain;
  if (key == "name") domain.name = value;
  if (key == "smbios1") domain.uuid = option_part(value, "uuid");
  if (key == "onboot") domain.autostart = value == "1";
  if (key == "memory") domain.memory_bytes = mebibytes(option_part(value, "current", "current"));
  if (key == "hugepages") domain.hugepage_bytes = hugepage_bytes(value);
  if (const auto index = index_of(key, "hostpci")) add_device(*index, value, vm);
  if (std::any_of(kDisks.begin(), kDisks.end(),
                  [key](std::string_view kind) { return index_of(key, kind).has_value(); })) {
    add_disk(value, vm);
  }
}

}  // namespace

ProxmoxVm parse_proxmox_config(std::string_view text, std::uint64_t vmid) {
  ProxmoxVm vm;
  vm.vmid = vmid;
  vm.domain.source = kProxmox;
  vm.domain.persistent = true;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    if (line.starts_with('[')) break;  // a snapshot, or changes that wait for a restart
    if (line.starts_with('#')) continue;
    const auto key = trim(next_part(line, ':'));
    read_line(key, trim(line), vm);
  }
  return vm;
}

std::vector<ProxmoxMapping> parse_proxmox_mappings(std::string_view text) {
  std::vector<ProxmoxMapping> out;
  std::string name;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    const bool inside = line.starts_with('\t') || line.starts_with(' ');
    const auto word = next_word(line);
    if (!inside) {
      name = word;
      continue;
    }
    if (word != "map" || name.empty()) continue;
    const auto value = trim(line);
    ProxmoxMapping mapping{name, option_part(value, "node"), {}};
    const auto paths = option_part(value, "path");
    std::string_view rest = paths;
    while (!rest.empty()) {
      const auto path = next_part(rest, ';');
      if (auto address = canonical_pci_address(path)) {
        mapping.paths.push_back(*std::move(address));
      } else if (auto slot = slot_of(path); !slot.empty()) {
        mapping.paths.push_back(std::move(slot));
      }
    }
    if (!mapping.paths.empty()) out.push_back(std::move(mapping));
  }
  return out;
}

}  // namespace vmleak
