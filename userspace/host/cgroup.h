// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vmleak {

// What the control groups of a process say about it.
struct CgroupFacts {
  std::string path;  // in the hierarchy that places processes, without " (deleted)"
  std::string unit;  // innermost systemd service or scope, e.g. "spdk.service"
  std::string pod;   // UID of a Kubernetes pod
  // Name of a libvirt domain.  libvirt leaves out what is neither letter, digit,
  // "-" nor ".", and cuts at 64 bytes with its id.
  std::string machine;
};

// The text of /proc/PID/cgroup: version 1, version 2 or both.
CgroupFacts parse_cgroup(std::string_view text);

// "qemu\x2d1\x2dgpu" -> "qemu-1-gpu": how systemd writes names of units.
std::string systemd_unescape(std::string_view name);

// The domain in "qemu-1-gpu-07", as CgroupFacts::machine has it; empty when it
// is no VM's name of libvirt's.
std::string_view machine_domain(std::string_view machine);

// A UUID, or the 32 digits that static pods of Kubernetes have.
bool is_pod_uid(std::string_view uid);

}  // namespace vmleak
