// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "host/host_use_readers.h"
#include "host/text.h"

namespace vmleak {
namespace {

// Virtual I/O Device specification 1.2, section 5.
constexpr unsigned kConsole = 3;
constexpr unsigned k9p = 9;
constexpr unsigned kFileSystem = 26;

// A share of files is seen in no other place than the mounts, and of these only
// in those that a process of this host can still reach: the root file system
// may be one that the initramfs mounted.
void read_share(UsedFunction& function, const ChildDevice& device, std::string_view type,
                const std::string& tag) {
  const auto driver = function.tables.root.read_link(device.path + "/driver");
  if (!driver && is_gone(driver.error())) return;  // it has none
  const auto& mounts = function.tables.mounts();
  if (!mounts) return function.unknown(mounts.error());
  const auto found = std::find_if(mounts->begin(), mounts->end(), [&](const Mount& mount) {
    return mount.type == type && mount.source == tag && !tag.empty();
  });
  if (found != mounts->end()) {
    function.use(HostUseKind::kShare,
                 fmt::format("its share {} is mounted on {}", tag, found->point));
  } else {
    function.use(HostUseKind::kUnknown,
                 fmt::format("whether its {} share{}{} is mounted can't be told", type,
                             tag.empty() ? "" : " ", tag));
  }
}

// The tag ends with a NUL in some kernels.
std::string p9_tag(UsedFunction& function, const ChildDevice& device) {
  const auto tag = function.attribute(device.path + "/mount_tag");
  return tag.substr(0, tag.find('\0'));
}

// Since Linux kernel commit a8f62f50b4 ("virtiofs: export filesystem tags
// through sysfs") (in v6.9); before, nothing tells.
std::string virtiofs_tag(UsedFunction& function, const ChildDevice& device) {
  constexpr std::string_view kInstances = "/sys/fs/virtiofs";
  for (const auto& instance : function.entries(std::string(kInstances))) {
    const auto path = fmt::format("{}/{}", kInstances, instance);
    const auto link = function.tables.root.read_link(path + "/device");
    if (!link || !link->ends_with("/" + device.name)) continue;
    return function.attribute(path + "/tag");
  }
  return {};
}

// Its hvc0, hvc1, ... are not below it in sysfs.
void read_console(UsedFunction& function) {
  const auto active = function.attribute("/sys/class/tty/console/active");
  std::string_view rest = active;
  for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (!word.starts_with("hvc")) continue;
    function.use(HostUseKind::kConsole, fmt::format("{} is a console of the kernel", word));
  }
}

}  // namespace

void read_virtio_uses(UsedFunction& function) {
  for (const auto& device : function.tree.devices) {
    if (device.subsystem != "virtio") continue;
    const auto type = to_hex_number<unsigned>(function.attribute(device.path + "/device"));
    if (!type) {
      function.unknown({"of what kind " + device.name + " is, sysfs does not tell"});
    } else if (*type == k9p) {
      read_share(function, device, "9p", p9_tag(function, device));
    } else if (*type == kFileSystem) {
      read_share(function, device, "virtiofs", virtiofs_tag(function, device));
    } else if (*type == kConsole) {
      read_console(function);
    }
  }
}

}  // namespace vmleak
