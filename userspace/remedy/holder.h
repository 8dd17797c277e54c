// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "remedy/subject.h"

namespace vmleak {

// "spdk 172315 (unit spdk.service)"
std::string holder_text(const Subject& subject, NodeIndex holder);

// Why this task must not or can't be ended; empty: nothing speaks against it.
std::string why_not_ended(const Subject& subject, NodeIndex holder);

// What ending it would cost beyond the target.
Risk risk_of_ending(const Subject& subject, NodeIndex holder);

}  // namespace vmleak
