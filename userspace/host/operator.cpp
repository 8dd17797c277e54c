// SPDX-License-Identifier: Apache-2.0
#include "host/operator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <vector>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr uid_t kNoLogin = static_cast<uid_t>(-1);

std::string user_name(uid_t uid) {
  constexpr std::size_t kRoom = 16384;
  std::vector<char> room(kRoom);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, room.data(), room.size(), &found);
  return found == nullptr ? fmt::format("uid {}", uid) : std::string(found->pw_name);
}

// PPid of /proc/PID/status; 0 when it can't be read.
std::int64_t parent_of(const HostRoot& root, std::int64_t pid) {
  const auto text = root.read(fmt::format("/proc/{}/status", pid));
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    auto line = next_part(rest, '\n');
    if (next_part(line, ':') == "PPid") return to_number<std::int64_t>(trim(line)).value_or(0);
  }
  return 0;
}

}  // namespace

Operator read_operator(const HostRoot& root) {
  Operator out;
  const auto acting = ::geteuid();
  out.root = acting == 0;
  out.user = user_name(acting);
  const auto text = root.read_value("/proc/self/loginuid");
  const auto login = text ? to_number<uid_t>(*text) : std::nullopt;
  if (login && *login != kNoLogin && *login != acting) {
    out.user = fmt::format("{} as {}", user_name(*login), out.user);
  }
  for (std::int64_t pid = ::getpid(); pid > 0 && out.processes.insert(pid).second;) {
    pid = parent_of(root, pid);
  }
  return out;
}

std::string find_nvidia_smi(const HostRoot& root) {
  for (const auto* path : {"/usr/bin/nvidia-smi", "/usr/local/bin/nvidia-smi"}) {
    if (root.open(path, O_PATH)) return path;
  }
  return {};
}

}  // namespace vmleak
