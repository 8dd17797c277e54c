// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/domain.h"

namespace vmleak {

// The runs in a libvirt domain log (/var/log/libvirt/qemu/NAME.log, times in
// UTC): "TIME: starting up ...", QEMU's command line, QEMU's own lines, "TIME:
// shutting down, reason=...".  What is not of that form is skipped.  A run that
// has no end when the next one begins is over by then, at a time not known
// better.  `name` is used where the command line gives none.
std::vector<PastRun> parse_libvirt_log(std::string_view text, const std::string& name,
                                       const std::string& where);

}  // namespace vmleak
