// SPDX-License-Identifier: Apache-2.0
#include "commands/place.h"

#include <cerrno>

#include "host/host_info.h"

namespace vmleak {

Status check_place(const HostRoot& root, std::string_view what) {
  auto privileges = read_privileges(root);
  if (!privileges) return privileges.error();
  if (!privileges->root) {
    return Error{fmt::format("{}: needs root; run it with sudo", what), EPERM};
  }
  auto initial = in_initial_pid_namespace(root);
  if (!initial) return initial.error();
  if (!*initial) {
    return Error{
        fmt::format("{}: this is a container's PID namespace, which shows only some of the "
                    "host's processes; run vmleak on the host itself",
                    what),
        EPERM};
  }
  return {};
}

}  // namespace vmleak
