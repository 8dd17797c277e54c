// SPDX-License-Identifier: Apache-2.0
#include "host/host_info.h"

#include <fcntl.h>
#include <linux/capability.h>

#include <array>
#include <ctime>
#include <optional>

#include "host/text.h"

namespace vmleak {
namespace {

// PROC_PID_INIT_INO of the kernel, the same since Linux 3.8.
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";

std::string value_or_empty(const HostRoot& root, std::string_view path) {
  auto value = root.read_value(path);
  return value ? *std::move(value) : std::string();
}

std::uint64_t nanoseconds(clockid_t clock) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

// By the clock as it is set now.
std::uint64_t boot_time_ns() { return nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME); }

struct LockdownName {
  Lockdown lockdown;
  std::string_view name;
};
constexpr std::array kLockdownNames{
    LockdownName{Lockdown::kNone, "none"},
    LockdownName{Lockdown::kIntegrity, "integrity"},
    LockdownName{Lockdown::kConfidentiality, "confidentiality"},
};

struct Needed {
  int capability;
  std::string_view name;
};
constexpr std::array kNeeded{
    Needed{CAP_BPF, "CAP_BPF"},
    Needed{CAP_PERFMON, "CAP_PERFMON"},
    Needed{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
    Needed{CAP_SYSLOG, "CAP_SYSLOG"},
    Needed{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
    Needed{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
};

}  // namespace

HostInfo read_host_info(const HostRoot& root) {
  return {value_or_empty(root, "/proc/sys/kernel/hostname"),
          value_or_empty(root, "/proc/sys/kernel/osrelease"),
          value_or_empty(root, "/proc/sys/kernel/random/boot_id"), boot_time_ns()};
}

std::string read_machine_id(const HostRoot& root) {
  return value_or_empty(root, "/etc/machine-id");
}

HashKey make_hash_key(std::string_view machine_id, std::string_view boot_id) {
  const std::string identity = fmt::format("{}\n{}", machine_id, boot_id);
  // Two different keys, so that the halves are independent.
  return {siphash({0, 0}, identity), siphash({0, 1}, identity)};
}

Result<bool> in_initial_pid_namespace(const HostRoot& root) {
  const auto name = root.read_link("/proc/self/ns/pid");
  if (!name) return name.error();
  return *name == kInitialPidNamespace;
}

Lockdown parse_lockdown(std::string_view text) {
  const auto open = text.find('[');
  const auto close = text.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return Lockdown::kUnknown;
  const auto active = text.substr(open + 1, close - open - 1);
  for (const auto& row : kLockdownNames) {
    if (row.name == active) return row.lockdown;
  }
  return Lockdown::kUnknown;
}

Lockdown read_lockdown(const HostRoot& root) {
  return parse_lockdown(value_or_empty(root, "/sys/kernel/security/lockdown"));
}

std::string_view to_string(Lockdown lockdown) {
  for (const auto& row : kLockdownNames) {
    if (row.lockdown == lockdown) return row.name;
  }
  return "unknown";
}

Privileges parse_privileges(std::string_view status) {
  Privileges privileges;
  while (!status.empty()) {
    auto line = next_part(status, '\n');
    const auto key = next_part(line, ':');
    if (key == "CapEff") {
      privileges.capabilities = to_number<std::uint64_t>(trim(line), 16).value_or(0);
    }
    if (key == "Uid") {  // real, effective, saved, file system
      next_word(line);
      privileges.root = next_word(line) == "0";
    }
  }
  return privileges;
}

Result<Privileges> read_privileges(const HostRoot& root) {
  const auto status = root.read("/proc/self/status");
  if (!status) return status.error();
  return parse_privileges(*status);
}

std::string Privileges::missing() const {
  std::string names;
  for (const auto& needed : kNeeded) {
    if (!has(needed.capability))
      names += fmt::format("{}{}", names.empty() ? "" : ", ", needed.name);
  }
  return names;
}

bool has_btf(const HostRoot& root, std::string_view name) {
  return static_cast<bool>(root.open(fmt::format("/sys/kernel/btf/{}", name), O_PATH));
}

int read_kptr_restrict(const HostRoot& root) {
  return to_number<int>(value_or_empty(root, "/proc/sys/kernel/kptr_restrict")).value_or(-1);
}

}  // namespace vmleak
