// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "commands/audit_command.h"
#include "commands/environment.h"
#include "commands/exit_code.h"

namespace vmleak {

// Looks at the target again and again until nothing but structural references
// (a registered device, a group's members) is left of it.  Clean when it is
// free, found when it is still occupied at the end, inconclusive when the last
// look was incomplete.
Result<ExitCode> wait_until_free(const AuditCommand& command, const Environment& environment);

}  // namespace vmleak
