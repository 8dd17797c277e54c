// SPDX-License-Identifier: Apache-2.0
#include "libvirt/domain_xml.h"

#include <array>
#include <pugixml.hpp>
#include <string>

#include "base/pci_address.h"

namespace vmleak {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

// The units of libvirt's "scaled integers"; without one it is KiB.
constexpr std::array kUnits{
    Unit{"b", 1},          Unit{"bytes", 1},        Unit{"KB", 1000},
    Unit{"k", 1ULL << 10}, Unit{"KiB", 1ULL << 10}, Unit{"MB", 1'000'000},
    Unit{"M", 1ULL << 20}, Unit{"MiB", 1ULL << 20}, Unit{"GB", 1'000'000'000},
    Unit{"G", 1ULL << 30}, Unit{"GiB", 1ULL << 30}, Unit{"TB", 1'000'000'000'000},
    Unit{"T", 1ULL << 40}, Unit{"TiB", 1ULL << 40},
};

std::uint64_t scaled(std::uint64_t value, std::string_view unit) {
  if (unit.empty()) return value << 10U;
  for (const auto& row : kUnits) {
    if (row.name == unit) return value * row.bytes;
  }
  return 0;
}

// <address domain='0x0000' bus='0x8a' slot='0x00' function='0x0'/>
std::string pci_address(const pugi::xml_node& address) {
  const auto part = [&address](const char* name) {
    return address.attribute(name).as_ullong();  // also "0x8a"
  };
  if (!address.attribute("bus") || !address.attribute("slot")) return {};
  const auto text = fmt::format("{:x}:{:x}:{:x}.{:x}", part("domain"), part("bus"), part("slot"),
                                part("function"));
  return canonical_pci_address(text).value_or("");
}

// <hostdev>, and <interface type='hostdev'>, which is made alike.
void add_host_device(const pugi::xml_node& element, Domain& domain) {
  const std::string_view managed = element.attribute("managed").as_string();
  const auto address = element.child("source").child("address");
  HostDevice device;
  device.managed = managed == "yes";
  const std::string_view type = element.attribute("type").as_string();
  if (type == "mdev") {
    device.mdev_uuid = address.attribute("uuid").as_string();
  } else if (type == "pci" || type == "hostdev") {
    device.pci_address = pci_address(address);
  }
  if (!device.mdev_uuid.empty() || !device.pci_address.empty()) {
    domain.host_devices.push_back(std::move(device));
  }
}

// Where a <source> of a disk may have what it is called by; of volumes in
// pools and of networks it is no path.
constexpr std::array kSourceNames{"file", "dev", "dir", "name", "volume", "path"};

void add_source(const pugi::xml_node& source, Domain& domain) {
  for (const auto* name : kSourceNames) {
    const std::string_view value = source.attribute(name).as_string();
    if (!value.empty()) domain.disks.emplace_back(value);
  }
}

void add_disk(const pugi::xml_node& disk, Domain& domain) {
  const auto source = disk.child("source");
  add_source(source, domain);
  add_source(disk.child("mirror").child("source"), domain);
  // The images below it; of an inactive domain they are not told.
  for (auto below = disk.child("backingStore"); below; below = below.child("backingStore")) {
    add_source(below.child("source"), domain);
  }
  // An NVMe controller that QEMU drives itself is taken from the host.
  if (std::string_view(disk.attribute("type").as_string()) == "nvme") {
    HostDevice device;
    device.pci_address = pci_address(source.child("address"));
    device.managed = std::string_view(source.attribute("managed").as_string()) == "yes";
    if (!device.pci_address.empty()) domain.host_devices.push_back(std::move(device));
  }
}

void add_interface(const pugi::xml_node& interface, Domain& domain) {
  const std::string_view type = interface.attribute("type").as_string();
  if (type == "hostdev") return add_host_device(interface, domain);
  // A network whose pool gave the interface a device of the host.
  const auto actual = interface.child("actual");
  if (std::string_view(actual.attribute("type").as_string()) == "hostdev") {
    const auto hostdev = actual.child("hostdev") ? actual.child("hostdev") : actual;
    return add_host_device(hostdev, domain);
  }
  const std::string_view target = interface.child("target").attribute("dev").as_string();
  if (!target.empty()) domain.interfaces.emplace_back(target);
}

}  // namespace

Result<Domain> parse_domain_xml(std::string_view xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_default);
  if (!parsed) {
    return Error{fmt::format("parse domain XML: {} at byte {}", parsed.description(),
                             static_cast<long>(parsed.offset))};
  }
  const auto root = document.child("domain");
  if (!root) return Error{"parse domain XML: it has no <domain>"};
  Domain domain;
  domain.name = root.child_value("name");
  domain.uuid = root.child_value("uuid");
  const auto memory = root.child("memory");
  domain.memory_bytes = scaled(memory.text().as_ullong(), memory.attribute("unit").as_string());
  if (const auto pages = root.child("memoryBacking").child("hugepages")) {
    const auto page = pages.child("page");
    // Without a size it is the host's default one.
    constexpr std::uint64_t kDefaultHugePage = 2ULL << 20;
    domain.hugepage_bytes =
        page ? scaled(page.attribute("size").as_ullong(), page.attribute("unit").as_string())
             : kDefaultHugePage;
  }
  for (const auto& device : root.child("devices").children()) {
    const std::string_view kind = device.name();
    if (kind == "hostdev") add_host_device(device, domain);
    if (kind == "disk") add_disk(device, domain);
    if (kind == "interface") add_interface(device, domain);
  }
  return domain;
}

}  // namespace vmleak
