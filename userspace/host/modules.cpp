// SPDX-License-Identifier: Apache-2.0
#include "host/modules.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::array<std::string_view, 8> kNames{"irqbypass", "tun",     "tap",  "macvtap",
                                                 "mdev",      "iommufd", "vdpa", "vringh"};
constexpr std::array<std::string_view, 6> kPrefixes{
    "kvm", "vfio", "vhost", "nvidia_vgpu_vfio", "vdpa_", "virtio_vdpa"};
// Variant drivers of VFIO: mlx5_vfio_pci, nvgrace_gpu_vfio_pci, ...
constexpr std::string_view kVariantSuffix = "_vfio_pci";

}  // namespace

bool is_vm_module(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); }) ||
         name.ends_with(kVariantSuffix);
}

std::vector<KernelModule> parse_modules(std::string_view text) {
  // "kvm 1056768 5 kvm_intel,vfio, Live 0x0000000000000000 (O)"
  std::vector<KernelModule> modules;
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    KernelModule module;
    module.name = next_word(line);
    const auto size = to_number<std::uint64_t>(next_word(line));
    if (module.name.empty() || !size) continue;
    module.refcount = to_number<std::int64_t>(next_word(line)).value_or(-1);
    for (auto users = next_word(line); !users.empty();) {
      const auto user = next_part(users, ',');
      // "-": none; "[permanent]": it has no exit function.
      if (!user.empty() && user != "-" && !user.starts_with('[')) {
        module.dependents.emplace_back(user);
      }
    }
    module.state = next_word(line);
    modules.push_back(std::move(module));
  }
  return modules;
}

Result<std::vector<KernelModule>> read_vm_modules(const HostRoot& root) {
  const auto text = root.read("/proc/modules");
  // No such file: a kernel without loadable modules.
  if (!text && is_gone(text.error())) return std::vector<KernelModule>();
  if (!text) return text.error();
  auto modules = parse_modules(*text);
  std::erase_if(modules, [](const KernelModule& module) { return !is_vm_module(module.name); });
  return modules;
}

std::uint64_t module_life(const HostRoot& root, std::string_view name) {
  if (name.empty()) return 0;
  struct stat status {};
  const auto path = root.path(fmt::format("/sys/module/{}", name));
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

bool has_module(const HostRoot& root, std::string_view name) {
  return static_cast<bool>(root.list(fmt::format("/sys/module/{}", name)));
}

}  // namespace vmleak
