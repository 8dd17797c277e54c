// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// Whom an object belongs or belonged to; nothing when nobody is known.
std::optional<Owner> owner_of(const Sample& sample, NodeIndex object);

// The same for what a cause keeps.
std::optional<Owner> owner_of(const Sample& sample, const Cause& cause);

// "gpu-07, qemu-system-x86 4711": name, and PID when it is known.
std::string last_user_text(const Owner& owner);

}  // namespace vmleak
