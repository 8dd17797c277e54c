// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace vmleak {

inline constexpr std::string_view kLinuxAudit = "Linux audit log";
inline constexpr std::string_view kLibvirtLog = "libvirt domain log";
inline constexpr std::string_view kMachined = "systemd-machined";
inline constexpr std::string_view kProxmox = "Proxmox";
inline constexpr std::string_view kKubernetes = "Kubernetes";

// The kinds of records of past runs (PastRun::source), the most trusted first:
// where several tell of the same run, the first names its VM.
inline constexpr std::array kRecordSources{kLinuxAudit, kLibvirtLog, kMachined, kProxmox,
                                           kKubernetes};

// Its place among them; behind all when it is none of them.
constexpr std::size_t record_rank(std::string_view source) {
  return static_cast<std::size_t>(std::find(kRecordSources.begin(), kRecordSources.end(), source) -
                                  kRecordSources.begin());
}

}  // namespace vmleak
