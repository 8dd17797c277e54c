// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "commands/environment.h"
#include "commands/exit_code.h"
#include "commands/format.h"

namespace vmleak {

struct DoctorCommand {
  Format format = Format::kText;
  std::vector<std::string> without;
  std::string connect = "qemu:///system";  // libvirt connection
};

// Prints what this host lets vmleak see.  Inconclusive when an audit here
// could never be anything else; Error: exit code 1.
Result<ExitCode> run_doctor(const DoctorCommand& command, const Environment& environment);

}  // namespace vmleak
