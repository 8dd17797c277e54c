// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vmleak {

enum class Format { kText, kJson, kNdjson };

}  // namespace vmleak
