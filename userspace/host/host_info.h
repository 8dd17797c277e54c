// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/siphash.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// What cannot be read is empty.
HostInfo read_host_info(const HostRoot& root);

// /etc/machine-id; empty when there is none.
std::string read_machine_id(const HostRoot& root);

// The key that kernel addresses are hashed with: the same for one boot of one
// machine, so that ids can be compared over time, and of no use elsewhere.
HashKey make_hash_key(std::string_view machine_id, std::string_view boot_id);

// Whether this process sees all processes of the host.  Error when /proc does
// not say.
Result<bool> in_initial_pid_namespace(const HostRoot& root);

enum class Lockdown { kNone, kIntegrity, kConfidentiality, kUnknown };

// The text of /sys/kernel/security/lockdown: "none [integrity] confidentiality".
Lockdown parse_lockdown(std::string_view text);
// kUnknown when securityfs is not mounted or the kernel has no lockdown.
Lockdown read_lockdown(const HostRoot& root);
std::string_view to_string(Lockdown lockdown);

// What the running process may do.
struct Privileges {
  bool root = false;
  std::uint64_t capabilities = 0;  // effective ones, bit CAP_*

  [[nodiscard]] bool has(int capability) const { return ((capabilities >> capability) & 1) != 0; }
  // The names of the capabilities that are missing to load BPF programs, read
  // kernel memory and kallsyms; empty when nothing is.
  [[nodiscard]] std::string missing() const;
};

// The text of /proc/self/status.
Privileges parse_privileges(std::string_view status);
Result<Privileges> read_privileges(const HostRoot& root);

// Types of the kernel ("vmlinux") or of a module ("kvm").
bool has_btf(const HostRoot& root, std::string_view name = "vmlinux");

// kernel.kptr_restrict; -1 when it cannot be read.
int read_kptr_restrict(const HostRoot& root);

}  // namespace vmleak
