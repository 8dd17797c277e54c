// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/domain.h"

namespace vmleak {

// Words as a shell reads them: blanks separate, single and double quotes and
// backslashes keep.  No expansions.
std::vector<std::string> split_shell_words(std::string_view text);

// What a QEMU command line (also with environment variables before it) says of
// the VM: name, UUID, devices of the host in both forms of -device ("driver=...",
// JSON), disks in -blockdev and -drive.
void describe_run(const std::vector<std::string>& arguments, PastRun& run);

}  // namespace vmleak
