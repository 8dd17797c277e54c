// SPDX-License-Identifier: Apache-2.0
#include "host/pci_functions.h"

#include <algorithm>
#include <map>

#include "base/pci_address.h"
#include "host/kernel_log.h"
#include "host/modalias.h"
#include "host/parking.h"
#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kDevices = "/sys/bus/pci/devices";

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_parking_driver(std::string_view driver) {
  return is_vfio_driver(driver) || driver == "pci-stub";
}

// One function's directory in sysfs.
class Directory {
 public:
  Directory(const HostRoot& root, const std::string& address, bool locked)
      : root_(root), path_(fmt::format("{}/{}", kDevices, address)), locked_(locked) {}

  [[nodiscard]] std::string value(std::string_view name) const {
    auto text = root_.read_value(fmt::format("{}/{}", path_, name));
    return text ? *std::move(text) : std::string();
  }
  template <class T>
  [[nodiscard]] T hex(std::string_view name) const {
    return to_hex_number<T>(value(name)).value_or(0);
  }
  // The last component of a link's target; empty when there is no such link.
  [[nodiscard]] std::string target(std::string_view name) const {
    const auto link = root_.read_link(fmt::format("{}/{}", path_, name));
    return link ? std::string(file_name(*link)) : std::string();
  }
  [[nodiscard]] std::vector<std::string> entries() const {
    auto names = root_.list(path_);
    return names ? *std::move(names) : std::vector<std::string>();
  }
  // Reading it takes the device's lock (until v6.12 at least).
  [[nodiscard]] std::string driver_override() const {
    if (locked_) return {};
    auto text = value("driver_override");
    return text == "(null)" ? std::string() : text;
  }
  // The bridge above it: the link leads to "pci0000:00/0000:00:08.0/0000:01:00.0".
  [[nodiscard]] std::string upstream_bridge() const {
    const auto link = root_.read_link(path_);
    if (!link) return {};
    const auto parent = link->substr(0, link->rfind('/'));
    return canonical_pci_address(file_name(parent)).value_or("");
  }

 private:
  const HostRoot& root_;
  std::string path_;
  bool locked_;
};

// What decides whether a function is of interest.
struct Place {
  std::string slot;
  std::string group;
  std::string physical;  // its own address when it is one
  bool wanted = false;
};

std::vector<std::string> find_wanted(const HostRoot& root,
                                     const std::vector<std::string>& addresses,
                                     const std::set<std::string>& named,
                                     const std::set<std::string>& locked) {
  std::map<std::string, Place> places;
  std::set<std::string> companions;  // slots, groups and physical functions of wanted ones
  for (const auto& address : addresses) {
    const bool is_locked = locked.contains(address);
    const Directory directory(root, address, is_locked);
    Place place{std::string(pci_slot(address)), directory.target("iommu_group"),
                directory.target("physfn"), is_locked || named.contains(address)};
    if (place.physical.empty()) place.physical = address;
    place.wanted = place.wanted || is_parking_driver(directory.target("driver")) ||
                   !directory.driver_override().empty();
    if (place.wanted) {
      companions.insert({place.slot, place.physical});
      if (!place.group.empty()) companions.insert("group " + place.group);
    }
    places.emplace(address, std::move(place));
  }
  std::vector<std::string> wanted;
  for (const auto& [address, place] : places) {
    if (place.wanted || companions.contains(place.slot) || companions.contains(place.physical) ||
        companions.contains("group " + place.group)) {
      wanted.push_back(address);
    }
  }
  return wanted;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    words.emplace_back(word);
  }
  return words;
}

std::vector<std::string> native_drivers(const Directory& directory, ModuleAliases& aliases) {
  auto drivers = aliases.modules(directory.value("modalias"));
  std::erase_if(drivers, [](const std::string& driver) { return is_parking_driver(driver); });
  return drivers;
}

PciFunction read_function(const Directory& directory, const std::string& address) {
  PciFunction function;
  function.address = address;
  function.vendor = directory.hex<std::uint16_t>("vendor");
  function.device = directory.hex<std::uint16_t>("device");
  function.class_code = directory.hex<std::uint32_t>("class");
  function.driver = directory.target("driver");
  function.driver_override = directory.driver_override();
  function.iommu_group = to_number<std::int64_t>(directory.target("iommu_group")).value_or(-1);
  function.physical_function = directory.target("physfn");
  for (const auto& entry : directory.entries()) {
    if (entry.starts_with("virtfn")) function.virtual_functions.push_back(directory.target(entry));
  }
  function.upstream_bridge = directory.upstream_bridge();
  function.reset_methods = words_of(directory.value("reset_method"));
  function.power_state = directory.value("power_state");
  return function;
}

// The last message of each native driver about each function.
void add_messages(const std::vector<DeviceMessage>& messages, std::uint64_t boot_time_ns,
                  PciFunction& function) {
  // clang 14, which the fuzzers are built with, does not know libstdc++'s ranges.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    const auto& driver = message->driver;
    if (message->pci_address != function.address || driver == "pci" || driver == "pcieport" ||
        is_parking_driver(driver)) {
      continue;
    }
    const bool known = std::any_of(function.driver_messages.begin(), function.driver_messages.end(),
                                   [&](const auto& other) { return other.driver == driver; });
    if (known) continue;
    function.driver_messages.push_back(
        {driver, boot_time_ns + message->monotonic_ns, message->text});
  }
}

}  // namespace

Result<std::vector<PciFunction>> read_pci_functions(const HostRoot& root,
                                                    const std::set<std::string>& named,
                                                    std::uint64_t boot_time_ns, PciNames& names,
                                                    const std::set<std::string>& locked) {
  std::vector<PciFunction> functions;
  const auto addresses = root.list(kDevices);
  if (!addresses) {
    if (is_gone(addresses.error())) return functions;
    return addresses.error();
  }
  const auto wanted = find_wanted(root, *addresses, named, locked);
  if (wanted.empty()) return functions;
  const ParkingRules parking(root);
  const auto messages = read_device_messages(root);
  ModuleAliases aliases;
  for (const auto& address : wanted) {
    const Directory directory(root, address, locked.contains(address));
    auto function = read_function(directory, address);
    if (function.vendor == 0) continue;  // removed meanwhile
    function.name = names.name(function.vendor, function.device);
    function.native_drivers = native_drivers(directory, aliases);
    function.parking =
        parking.of({address, function.vendor, function.device,
                    directory.hex<std::uint16_t>("subsystem_vendor"),
                    directory.hex<std::uint16_t>("subsystem_device"), function.class_code});
    if (messages) add_messages(*messages, boot_time_ns, function);
    functions.push_back(std::move(function));
  }
  return functions;
}

}  // namespace vmleak
