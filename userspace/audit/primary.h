// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "audit/roots.h"

namespace vmleak {

// The object of a cause that is nearest to what its roots keep: of a leaked
// device file the device, of a vhost file the address space it keeps.
NodeIndex primary_object(const Graph& graph, const Liveness& liveness, const Cause& cause);

}  // namespace vmleak
