// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vmleak {

// As `virsh domstate` prints a virDomainState; "?" for one that is not known.
std::string_view domain_state_name(int state);

// As `virsh domstate --reason` prints the reason of a state; "unknown" for one
// that is not known.
std::string_view domain_reason_name(int state, int reason);

}  // namespace vmleak
