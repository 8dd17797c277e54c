// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "host/host_use_readers.h"
#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::uint32_t kVgaClass = 0x0300;
constexpr unsigned kNvidiaMajor = 195;

void read_boot_vga(UsedFunction& function) {
  const auto boot_vga = function.attribute(function.path + "/boot_vga");
  if (boot_vga == "1") {
    function.use(HostUseKind::kConsole, "it is the display that this host booted with");
  } else if (boot_vga != "0" && function.pci.class_code >> 8 == kVgaClass) {
    function.unknown({"sysfs does not tell whether it is the boot display"});
  }
}

// Text consoles on a framebuffer; which of several, sysfs does not tell.
bool is_framebuffer_console_bound(UsedFunction& function) {
  constexpr std::string_view kConsoles = "/sys/class/vtconsole";
  const auto consoles = function.entries(std::string(kConsoles));
  return std::any_of(consoles.begin(), consoles.end(), [&](const std::string& console) {
    const auto path = fmt::format("{}/{}", kConsoles, console);
    return function.attribute(path + "/bind") == "1" &&
           function.attribute(path + "/name").find("frame buffer") != std::string::npos;
  });
}

void read_consoles(UsedFunction& function) {
  const auto active = function.attribute("/sys/class/tty/console/active");
  for (const auto& device : function.tree.devices) {
    if (device.subsystem == "graphics" && is_framebuffer_console_bound(function)) {
      function.use(HostUseKind::kConsole, device.name + " shows the text console");
    }
    if (device.subsystem != "tty") continue;
    std::string_view rest = active;
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
      if (word == device.name) {
        function.use(HostUseKind::kConsole, device.name + " is a console of the kernel");
      }
    }
  }
}

// Its nodes are not in sysfs: the driver says the minor number in /proc.
void read_nvidia(UsedFunction& function) {
  constexpr std::string_view kKey = "Device Minor:";
  if (function.pci.driver != "nvidia") return;
  const auto path = fmt::format("/proc/driver/nvidia/gpus/{}/information", function.pci.address);
  const auto text = function.tables.root.read(path);
  if (!text) return function.unknown(text.error());
  const auto at = text->find(kKey);
  std::string_view rest = *text;
  rest.remove_prefix(at == std::string::npos ? rest.size() : at + kKey.size());
  const auto minor = to_number<unsigned>(next_word(rest));
  if (!minor) return function.unknown({fmt::format("read {}: no {}", path, kKey)});
  const auto& nodes = function.tables.open_devices();
  if (const auto* open = nodes.find({false, {kNvidiaMajor, *minor}})) {
    function.use(HostUseKind::kGpu, fmt::format("{} is open by {}", open->path, opener(*open)));
  } else if (nodes.incomplete) {
    function.unknown(*nodes.incomplete);
  }
}

}  // namespace

void read_display_uses(UsedFunction& function) {
  read_boot_vga(function);
  read_consoles(function);
  read_nvidia(function);
}

}  // namespace vmleak
