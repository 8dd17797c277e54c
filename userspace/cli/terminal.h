// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "report/text.h"

namespace vmleak {

// What standard output can show: colour only on a terminal and without
// NO_COLOR (https://no-color.org), lines as wide as it is.
TextStyle style_of_standard_output();

}  // namespace vmleak
