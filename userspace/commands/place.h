// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// Error "<what>: ..." where this process is not root or sees only a container's
// processes: what it would say of the host, or do to it, would be wrong.
Status check_place(const HostRoot& root, std::string_view what);

}  // namespace vmleak
