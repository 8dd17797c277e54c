// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class FormatterBase;
}

namespace vmleak {

inline constexpr std::string_view kProgramHelp =
    "Finds the kernel reference of a deleted VM that never came back: which object, who holds "
    "it, what to do.";

// Text after the options, by command ("" for the program).
std::string help_footer(std::string_view command);

// Lays a help page out.
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace vmleak
