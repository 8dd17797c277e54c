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

}  // namespace vmleak
