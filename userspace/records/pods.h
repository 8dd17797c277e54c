// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/host_root.h"
#include "model/domain.h"

namespace vmleak {

// A pod of Kubernetes, as kubelet calls the directory of its logs.
struct Pod {
  std::string space;  // its namespace
  std::string name;
  std::string uid;

  [[nodiscard]] std::string text() const { return space + "/" + name; }
};

inline constexpr std::string_view kPodLogs = "/var/log/pods";

// "<namespace>_<pod>_<uid>"; nothing for another form.
std::optional<Pod> parse_pod_directory(std::string_view name);

// The pods of this host, also some that are gone.
std::vector<Pod> read_pods(const HostRoot& root);

// KubeVirt: the domain in the pod "virt-launcher-<vm>-<random>", which libvirt
// calls "<namespace>_<vm>"; empty for other pods.
std::string launcher_domain(const Pod& pod);

// The runs in a container log of such a pod (CRI's format): the launcher copies
// the lines of libvirt's domain log into its own JSON lines.  `domain` is used
// where the command line gives no name.
std::vector<PastRun> parse_launcher_log(std::string_view text, const std::string& domain,
                                        const std::string& where);

}  // namespace vmleak
