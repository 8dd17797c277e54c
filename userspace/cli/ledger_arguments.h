// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "commands/arm_command.h"

namespace vmleak {

void add_arm(CLI::App& app, ArmCommand& command);
void add_disarm(CLI::App& app, DisarmCommand& command);

}  // namespace vmleak
