// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kDigits = "0123456789";

// "machine-qemu\x2d1\x2dgpu.scope" is what systemd has, "qemu-1-gpu.libvirt-qemu"
// what libvirt makes where there is no systemd.
struct MachineForm {
  std::string_view prefix, suffix;
  bool escaped;
};
constexpr std::array kMachineForms{
    MachineForm{"machine-", ".scope", true},
    MachineForm{"", ".libvirt-qemu", false},
    MachineForm{"", ".libvirt-ch", false},
};
constexpr std::array<std::string_view, 2> kMachineDrivers{"qemu-", "ch-"};

std::string machine_name(std::string_view component) {
  for (const auto& form : kMachineForms) {
    if (component.size() <= form.prefix.size() + form.suffix.size() ||
        !component.starts_with(form.prefix) || !component.ends_with(form.suffix)) {
      continue;
    }
    component.remove_prefix(form.prefix.size());
    component.remove_suffix(form.suffix.size());
    const std::string machine = form.escaped ? systemd_unescape(component) : std::string(component);
    return std::string(machine_domain(machine));
  }
  return {};
}

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "pod5b1e...", or "kubepods-burstable-pod5b1e0c2a_....slice": the systemd
// driver writes "_" where the UID has "-", because "-" means nesting.
std::string pod_uid(std::string_view component) {
  if (component.ends_with(".slice")) component.remove_suffix(6);
  const auto at = component.rfind("pod");
  if (at == std::string_view::npos || (at != 0 && component[at - 1] != '-')) return {};
  std::string uid(component.substr(at + 3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  return is_pod_uid(uid) ? uid : std::string();
}

bool is_unit(std::string_view component) {
  return component.ends_with(".service") || component.ends_with(".scope");
}

struct Line {
  std::string_view hierarchy, controllers, path;
};

std::optional<Line> parse_line(std::string_view line) {
  const auto first = line.find(':');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = line.find(':', first + 1);
  if (second == std::string_view::npos || line.substr(second + 1, 1) != "/") return std::nullopt;
  Line parsed{line.substr(0, first), line.substr(first + 1, second - first - 1),
              line.substr(second + 1)};
  // The group was removed while the process, perhaps a zombie, is still in it.
  constexpr std::string_view kDeleted = " (deleted)";
  if (parsed.path.ends_with(kDeleted)) parsed.path.remove_suffix(kDeleted.size());
  return parsed;
}

// Which hierarchy places a process: the unified one if it is used, then the
// one systemd manages, then the deepest of the others.
std::pair<int, std::size_t> preference(const Line& line) {
  const bool used = line.path != "/";
  const bool unified = line.hierarchy == "0" && line.controllers.empty();
  const int rank = !used ? 0 : unified ? 3 : line.controllers == "name=systemd" ? 2 : 1;
  return {rank, static_cast<std::size_t>(std::count(line.path.begin(), line.path.end(), '/'))};
}

}  // namespace

std::string_view machine_domain(std::string_view machine) {
  for (const auto driver : kMachineDrivers) {
    // A session daemon puts the user's name in front: "alice-qemu-1-gpu".
    const auto at = machine.find(driver);
    if (at == std::string_view::npos || (at != 0 && machine[at - 1] != '-')) continue;
    std::string_view rest = machine.substr(at + driver.size());
    const auto id_end = rest.find_first_not_of(kDigits);
    if (id_end == 0 || id_end == std::string_view::npos || rest[id_end] != '-') continue;
    return rest.substr(id_end + 1);
  }
  return {};
}

bool is_pod_uid(std::string_view uid) {
  const auto digits =
      static_cast<std::size_t>(std::count_if(uid.begin(), uid.end(), is_hexadecimal));
  const auto dashes = static_cast<std::size_t>(std::count(uid.begin(), uid.end(), '-'));
  return digits == 32 && (dashes == 0 || dashes == 4) && uid.size() == digits + dashes;
}

std::string systemd_unescape(std::string_view name) {
  std::string plain;
  while (!name.empty()) {
    const auto code = name.starts_with("\\x") && name.size() >= 4
                          ? to_number<std::uint8_t>(name.substr(2, 2), 16)
                          : std::nullopt;
    plain += code ? static_cast<char>(*code) : name.front();
    name.remove_prefix(code ? 4 : 1);
  }
  return plain;
}

CgroupFacts parse_cgroup(std::string_view text) {
  CgroupFacts facts;
  std::optional<Line> best;
  while (!text.empty()) {
    const auto line = parse_line(next_part(text, '\n'));
    if (!line) continue;
    if (!best || preference(*line) > preference(*best)) best = line;
    // Every hierarchy: libvirt without systemd uses only some of version 1.
    for (auto rest = line->path; !rest.empty();) {
      const auto component = next_part(rest, '/');
      if (facts.machine.empty()) facts.machine = machine_name(component);
      if (facts.pod.empty()) facts.pod = pod_uid(component);
    }
  }
  if (!best) return facts;
  facts.path = best->path;
  for (auto rest = best->path; !rest.empty();) {
    const auto component = next_part(rest, '/');
    if (is_unit(component)) facts.unit = component;
  }
  return facts;
}

}  // namespace vmleak
