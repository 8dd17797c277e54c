// SPDX-License-Identifier: Apache-2.0
#include "host/open_devices.h"

#include <algorithm>

#include "host/text.h"

namespace vmleak {
namespace {

// Other paths are not even looked at: a file on a dead NFS server hangs.
constexpr std::string_view kDev = "/dev/";

class Reader {
 public:
  Reader(const HostRoot& root, const HostProbes& probes) : root_(root), probes_(probes) {}

  void read_all() {
    const auto entries = root_.list("/proc");
    if (!entries) {
      out.incomplete = entries.error();
      return;
    }
    bool any = false;
    for (const auto& entry : *entries) {
      const auto pid = to_number<std::int64_t>(entry);
      if (!pid) continue;
      any = true;
      read_process(*pid);
    }
    if (!any) out.incomplete = Error{"list /proc: no process is there"};
  }

  OpenDevices out;

 private:
  void read_process(std::int64_t pid) {
    const auto directory = fmt::format("/proc/{}/fd", pid);
    const auto fds = root_.list(directory);
    if (!fds) return lose(fds.error());
    for (const auto& fd : *fds) {
      const auto path = fmt::format("{}/{}", directory, fd);
      auto target = root_.read_link(path);
      if (!target) {
        lose(target.error());
        continue;
      }
      if (!target->starts_with(kDev)) continue;
      const auto node = probes_.device_node(path);
      if (!node) {
        lose(node.error());
      } else if (*node) {
        const auto comm = root_.read_value(fmt::format("/proc/{}/comm", pid));
        out.devices.push_back({**node, *std::move(target), pid, comm ? *comm : "?"});
      }
    }
  }

  void lose(const Error& error) {
    if (!is_gone(error) && !out.incomplete) out.incomplete = error;
  }

  const HostRoot& root_;
  const HostProbes& probes_;
};

}  // namespace

const OpenDevice* OpenDevices::find(const DeviceNode& node) const {
  const auto found =
      std::find_if(devices.begin(), devices.end(),
                   [&node](const OpenDevice& device) { return device.node == node; });
  return found == devices.end() ? nullptr : &*found;
}

OpenDevices read_open_devices(const HostRoot& root, const HostProbes& probes) {
  Reader reader(root, probes);
  reader.read_all();
  return std::move(reader.out);
}

}  // namespace vmleak
