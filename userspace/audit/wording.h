// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/graph.h"
#include "audit/liveness.h"
#include "model/finding.h"

namespace vmleak {

// "64 GiB", "1.5 MiB", "812 bytes".
std::string bytes_text(std::uint64_t bytes);

// "1 reference", "3 references".
std::string count_text(std::int64_t count, std::string_view noun);

// Seconds and nanoseconds since the epoch as RFC 3339 in UTC.
std::string rfc3339(std::uint64_t time_ns);

ObjectRef object_ref(const Node& node);

// "qemu-system-x86 4711 (domain gpu-07)", "spdk 172315 (unit spdk.service)".
std::string process_text(const Node& process);

// As a sentence names it: "VFIO device 0000:8a:00.0", "IOMMU group 42",
// "VM kvm-4711", "address space of qemu-system-x86 4711".
std::string node_text(const Graph& graph, NodeIndex node);

// What not getting this object back means, e.g. "open /dev/vfio/42: Device or
// resource busy".
std::string consequence_text(const Graph& graph, NodeIndex node);

}  // namespace vmleak
