// SPDX-License-Identifier: Apache-2.0
#include "host/parking.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::array<std::string_view, 3> kModprobeDirectories{"/etc/modprobe.d", "/run/modprobe.d",
                                                               "/usr/lib/modprobe.d"};
// Scripts that bind devices by address before the root file system is there.
constexpr std::array<std::string_view, 4> kInitramfsDirectories{
    "/etc/initramfs-tools/scripts/init-top", "/etc/initramfs-tools/scripts/init-premount",
    "/etc/dracut.conf.d", "/etc/mkinitcpio.conf.d"};
constexpr std::string_view kDriverctl = "/etc/driverctl.d";
constexpr std::size_t kScriptBytes = std::size_t{64} << 10;
constexpr std::uint32_t kAny = 0xffffffff;

// Modules are called with "-" and "_" alike.
std::string canonical_module(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

bool parks(std::string_view module) {
  const auto name = canonical_module(module);
  return name == "vfio-pci" || name == "pci-stub";
}

bool entry_matches(std::string_view entry, const PciIdentity& function) {
  const std::array<std::uint32_t, 5> values{function.vendor, function.device,
                                            function.subsystem_vendor, function.subsystem_device,
                                            function.class_code};
  std::array<std::uint32_t, 6> wanted{kAny, kAny, kAny, kAny, 0, 0};  // the last: mask of class
  std::size_t fields = 0;
  while (!entry.empty() && fields < wanted.size()) {
    const auto field = to_hex_number<std::uint32_t>(next_part(entry, ':'));
    if (!field) return false;
    wanted[fields++] = *field;
  }
  if (fields < 2) return false;
  for (std::size_t i = 0; i < 4; ++i) {
    if (wanted[i] != kAny && wanted[i] != values[i]) return false;
  }
  return (function.class_code & wanted[5]) == (wanted[4] & wanted[5]);
}

bool names(std::string_view text, std::string_view address) {
  constexpr std::string_view kDomain = "0000:";
  if (text.find(address) != std::string_view::npos) return true;
  return address.starts_with(kDomain) &&
         text.find(address.substr(kDomain.size())) != std::string_view::npos;
}

// Without comments and with continued lines joined.
std::string logical_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    if (trim(line).starts_with('#')) continue;
    const bool continues = line.ends_with('\\');
    if (continues) line.remove_suffix(1);
    out += line;
    out += continues ? ' ' : '\n';
  }
  return out;
}

}  // namespace

bool ids_match(std::string_view ids, const PciIdentity& function) {
  while (!ids.empty()) {
    if (entry_matches(trim(next_part(ids, ',')), function)) return true;
  }
  return false;
}

std::vector<std::string> modprobe_ids(std::string_view text) {
  std::vector<std::string> out;
  const auto lines = logical_lines(text);
  std::string_view rest = lines;
  while (!rest.empty()) {
    auto line = next_part(rest, '\n');
    if (next_word(line) != "options" || !parks(next_word(line))) continue;
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
      if (next_part(word, '=') == "ids") out.emplace_back(word);
    }
  }
  return out;
}

std::vector<std::string> command_line_ids(std::string_view text) {
  std::vector<std::string> out;
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    auto value = word;
    auto name = next_part(value, '=');
    const auto module = next_part(name, '.');
    if (name == "ids" && parks(module)) out.emplace_back(value);
  }
  return out;
}

ParkingRules::ParkingRules(const HostRoot& root) {
  read_ids(root);
  for (const auto directory : kInitramfsDirectories) {
    read_directory(root, directory, "initramfs");
  }
  if (auto overrides = root.list(kDriverctl)) driverctl_ = *std::move(overrides);
}

void ParkingRules::read_ids(const HostRoot& root) {
  if (const auto text = root.read("/proc/cmdline")) {
    for (auto& ids : command_line_ids(*text)) {
      ids_.push_back({"kernel command line", "vfio-pci.ids=" + ids, ids});
    }
  }
  for (const auto directory : kModprobeDirectories) {
    const auto files = root.list(directory);
    if (!files) continue;
    for (const auto& file : *files) {
      const auto path = fmt::format("{}/{}", directory, file);
      const auto text = file.ends_with(".conf") ? root.read(path, kScriptBytes) : Error{"", 0};
      if (!text) continue;
      for (auto& ids : modprobe_ids(*text)) {
        ids_.push_back({"modprobe.d", fmt::format("{}: ids={}", path, ids), ids});
      }
    }
  }
  for (const auto* module : {"vfio_pci", "pci_stub"}) {
    const auto path = fmt::format("/sys/module/{}/parameters/ids", module);
    const auto ids = root.read_value(path);
    if (ids && !ids->empty() && *ids != "(null)") ids_.push_back({"module", path, *ids});
  }
}

void ParkingRules::read_directory(const HostRoot& root, std::string_view directory,
                                  std::string_view source) {
  const auto files = root.list(directory);
  if (!files) return;
  for (const auto& file : *files) {
    auto path = fmt::format("{}/{}", directory, file);
    auto text = root.read(path, kScriptBytes);
    if (!text) continue;
    auto lines = logical_lines(*text);
    if (lines.find("vfio") == std::string::npos) continue;
    mentions_.push_back({std::string(source), std::move(path), std::move(lines)});
  }
}

std::vector<Parking> ParkingRules::of(const PciIdentity& function) const {
  std::vector<Parking> out;
  for (const auto& list : ids_) {
    if (ids_match(list.ids, function)) out.push_back({list.source, list.text});
  }
  if (std::find(driverctl_.begin(), driverctl_.end(), function.address) != driverctl_.end()) {
    out.push_back({"driverctl", fmt::format("{}/{}", kDriverctl, function.address)});
  }
  for (const auto& mention : mentions_) {
    const auto ids = fmt::format("{:04x}:{:04x}", function.vendor, function.device);
    if (names(mention.text, function.address) || mention.text.find(ids) != std::string::npos) {
      out.push_back({mention.source, mention.path});
    }
  }
  return out;
}

}  // namespace vmleak
