// SPDX-License-Identifier: Apache-2.0
#include "host/device_tree.h"

#include <algorithm>
#include <filesystem>

#include "base/pci_address.h"
#include "host/text.h"

namespace vmleak {
namespace {

namespace fs = std::filesystem;

// A USB disk behind hubs is some 20 deep.
constexpr int kDeepest = 48;

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string device_name_of(std::string_view uevent) {
  constexpr std::string_view kKey = "DEVNAME=";
  while (!uevent.empty()) {
    const auto line = next_part(uevent, '\n');
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
  }
  return {};
}

class Walk {
 public:
  Walk(const HostRoot& root, bool through_pci) : root_(root), through_pci_(through_pci) {}

  Status descend(const std::string& path, int depth) {
    if (depth > kDeepest) return Error{fmt::format("walk {}: too deep", path)};
    auto names = directories(path);
    if (!names) return names.error();
    // The directory of a class has the interfaces of all namespaces and shows
    // those of one; it goes away with the last of them.
    if (names->empty() && file_name(path) == "net" && !is_device(path)) {
      tree.hidden_interfaces = true;
    }
    for (const auto& name : *names) {
      if (!through_pci_ && canonical_pci_address(name) == name) continue;
      const auto child = fmt::format("{}/{}", path, name);
      if (auto added = add(child, name); !added) return added;
      if (auto below = descend(child, depth + 1); !below) return below;
    }
    return {};
  }

  DeviceTree tree;

 private:
  [[nodiscard]] bool is_device(const std::string& path) const {
    return bool(root_.read_link(path + "/subsystem"));
  }

  // Real directories: links lead out of the tree.
  [[nodiscard]] Result<std::vector<std::string>> directories(const std::string& path) const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(root_.path(path), error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->is_directory(error) && !entry->is_symlink(error)) {
        names.push_back(entry->path().filename());
      }
    }
    if (error && !is_gone({"", error.value()})) {
      return system_error(fmt::format("list {}", path), error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status add(const std::string& path, const std::string& name) {
    const auto subsystem = root_.read_link(path + "/subsystem");
    if (!subsystem) return is_gone(subsystem.error()) ? Status() : Status(subsystem.error());
    ChildDevice device{std::string(file_name(*subsystem)), name, path, {}, {}};
    const auto number = root_.read_value(path + "/dev");
    if (!number && !is_gone(number.error())) return number.error();
    if (number) {
      device.number = parse_device_number(*number);
      const auto uevent = root_.read(path + "/uevent");
      if (!uevent && !is_gone(uevent.error())) return uevent.error();
      if (uevent) device.node = device_name_of(*uevent);
    }
    tree.devices.push_back(std::move(device));
    return {};
  }

  const HostRoot& root_;
  bool through_pci_;
};

}  // namespace

Result<DeviceTree> read_device_tree(const HostRoot& root, const std::string& path,
                                    bool through_pci) {
  Walk walk(root, through_pci);
  if (auto walked = walk.descend(path, 0); !walked) return walked.error();
  return std::move(walk.tree);
}

}  // namespace vmleak
