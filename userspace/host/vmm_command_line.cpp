// SPDX-License-Identifier: Apache-2.0
#include "host/vmm_command_line.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "host/text.h"

namespace vmleak {
namespace {

enum class Field { kName, kUuid };
enum class Syntax {
  kPlain,   // the value is it
  kParts,   // a part of "a,key=b,c=d"
  kSocket,  // the path of a socket that is called after the VM
};

// An option that names a VM.  Of several for one field the first row counts.
struct NamingOption {
  std::string_view option;  // with its dashes
  Field field;
  Syntax syntax = Syntax::kPlain;
  std::string_view key = {};          // kParts
  std::string_view implied_key = {};  // kParts
};

constexpr std::array kQemuOptions{
    NamingOption{"-name", Field::kName, Syntax::kParts, "guest", "guest"},
    NamingOption{"-uuid", Field::kUuid},
    // Proxmox VE gives the UUID only here.
    NamingOption{"-smbios", Field::kUuid, Syntax::kParts, "uuid"},
};
constexpr std::array kCloudHypervisorOptions{
    NamingOption{"--platform", Field::kUuid, Syntax::kParts, "uuid"},
    NamingOption{"--api-socket", Field::kName, Syntax::kSocket, "path", "path"},
};
constexpr std::array kFirecrackerOptions{
    NamingOption{"--id", Field::kName},
    NamingOption{"--api-sock", Field::kName, Syntax::kSocket, "path", "path"},
};
constexpr std::array kCrosvmOptions{
    NamingOption{"--name", Field::kName},
    NamingOption{"-s", Field::kName, Syntax::kSocket, "path", "path"},
    NamingOption{"--socket", Field::kName, Syntax::kSocket, "path", "path"},
};

struct Monitor {
  std::string_view name;
  std::array<std::string_view, 3> programs;  // file name it is started with; "x*": begins with x
  std::array<std::string_view, 2> marks;     // options that together no other program has
  std::span<const NamingOption> options;
  bool one_dash_is_two;  // "--name" is "-name"
};

constexpr std::array kMonitors{
    Monitor{
        "qemu", {"qemu-system-*", "qemu-kvm", "kvm"}, {"-machine", "-name"}, kQemuOptions, true},
    Monitor{"cloud-hypervisor",
            {"cloud-hypervisor", "cloud-hypervisor-*", "clh"},
            {"--api-socket", "--kernel"},
            kCloudHypervisorOptions,
            false},
    // The jailer passes the second mark.
    Monitor{"firecracker",
            {"firecracker", "firecracker-v*"},
            {"--id", "--parent-cpu-time-us"},
            kFirecrackerOptions,
            false},
    Monitor{"crosvm", {"crosvm"}, {}, kCrosvmOptions, false},
};

// Sockets that are called after the monitor sit in a directory that is called
// after the VM, e.g. "/run/vc/vm/<sandbox>/clh-api.sock".
constexpr std::array<std::string_view, 8> kGenericSocketNames{
    "api", "ch", "ch-api", "clh", "clh-api", "cloud-hypervisor", "crosvm", "firecracker"};

std::string_view file_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string name_from_socket(std::string_view path) {
  std::string_view name = file_name(path);
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos && dot != 0) {
    name = name.substr(0, dot);
  }
  const bool generic = std::find(kGenericSocketNames.begin(), kGenericSocketNames.end(), name) !=
                       kGenericSocketNames.end();
  if (!generic || path.find('/') == std::string_view::npos) return std::string(name);
  const std::string_view directory = file_name(path.substr(0, path.rfind('/')));
  // "/run/firecracker.sock" says nothing about the VM.
  return directory == "run" || directory == "tmp" ? std::string() : std::string(directory);
}

std::string extract(const NamingOption& option, std::string_view value) {
  switch (option.syntax) {
    case Syntax::kPlain:
      return std::string(value);
    case Syntax::kParts:
      return option_part(value, option.key, option.implied_key);
    case Syntax::kSocket:
      return name_from_socket(option_part(value, option.key, option.implied_key));
  }
  return {};
}

bool same_option(const Monitor& monitor, std::string_view argument, std::string_view option) {
  if (argument == option) return true;
  return monitor.one_dash_is_two && argument.starts_with("--") && argument.substr(1) == option;
}

// The values of `option`: the next argument, or what stands behind "=".
template <class F>
void for_each_value(const Monitor& monitor, const std::vector<std::string_view>& arguments,
                    std::string_view option, F consume) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (same_option(monitor, argument, option)) {
      if (i + 1 < arguments.size()) consume(arguments[++i]);
    } else if (option.starts_with("--") && argument.size() > option.size() &&
               argument.starts_with(option) && argument[option.size()] == '=') {
      consume(argument.substr(option.size() + 1));
    }
  }
}

bool has_option(const Monitor& monitor, const std::vector<std::string_view>& arguments,
                std::string_view option) {
  bool found = false;
  for_each_value(monitor, arguments, option, [&](std::string_view) { found = true; });
  return found;
}

bool started_as(const Monitor& monitor, std::string_view program) {
  const std::string_view name = file_name(program);
  return std::any_of(
      monitor.programs.begin(), monitor.programs.end(), [&](std::string_view pattern) {
        return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                      : !pattern.empty() && name == pattern;
      });
}

bool is_marked(const Monitor& monitor, const std::vector<std::string_view>& arguments) {
  return std::all_of(monitor.marks.begin(), monitor.marks.end(), [&](std::string_view mark) {
    return !mark.empty() && has_option(monitor, arguments, mark);
  });
}

const Monitor* find_monitor(const std::vector<std::string_view>& arguments) {
  for (const auto& monitor : kMonitors) {
    if (started_as(monitor, arguments.front())) return &monitor;
  }
  for (const auto& monitor : kMonitors) {
    if (is_marked(monitor, arguments)) return &monitor;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string_view> split_arguments(std::string_view cmdline) {
  std::vector<std::string_view> arguments;
  while (!cmdline.empty()) arguments.push_back(next_part(cmdline, '\0'));
  return arguments;
}

std::string option_part(std::string_view option, std::string_view key,
                        std::string_view implied_key) {
  bool first = true;
  std::string found;
  while (!option.empty()) {
    const auto name_end = option.find_first_of("=,");
    std::string_view name = option.substr(0, name_end);
    if (name_end != std::string_view::npos && option[name_end] == '=') {
      option.remove_prefix(name_end + 1);
    } else if (first && !implied_key.empty()) {
      name = implied_key;  // the value starts where the name would
    } else {
      option.remove_prefix(std::min(option.size(), name.size() + 1));
      first = false;
      continue;
    }
    first = false;
    std::string value;
    while (!option.empty()) {
      if (option.front() == ',') {
        option.remove_prefix(1);
        if (!option.starts_with(',')) break;
      }
      value += option.front();
      option.remove_prefix(1);
    }
    if (name == key) found = value;  // of several the last counts, as in QEMU
  }
  return found;
}

VmIdentity identify_vm(const std::vector<std::string_view>& arguments) {
  VmIdentity identity;
  if (arguments.empty()) return identity;
  const Monitor* monitor = find_monitor(arguments);
  if (monitor == nullptr) return identity;
  identity.vmm = monitor->name;
  for (const auto& option : monitor->options) {
    std::string& field = option.field == Field::kName ? identity.name : identity.uuid;
    if (!field.empty()) continue;
    for_each_value(*monitor, arguments, option.option, [&](std::string_view value) {
      if (auto text = extract(option, value); !text.empty()) field = std::move(text);
    });
  }
  if (!identity.name.empty() || !identity.uuid.empty()) identity.source = "command line";
  return identity;
}

}  // namespace vmleak
