// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <chrono>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "commands/collect.h"
#include "model/snapshot.h"
#include "report/text.h"

namespace vmleak {

// What a command touches besides its options, so that a test can stand in for
// the host and the terminal.
struct Environment {
  // Writes to standard output, whole or with an error.
  std::function<Status(std::string_view)> write;
  // One line for a person, to standard error.
  std::function<void(std::string_view)> tell;
  std::function<Result<Snapshot>(const CollectOptions&,
                                 const std::function<bool(const Snapshot&)>&)>
      collect;
  std::function<Result<Coverage>(const CollectOptions&)> probe;
  std::function<void(std::chrono::milliseconds)> sleep;
  std::function<bool()> interrupted;  // a signal asked to stop
  TextStyle style;
  int input = STDIN_FILENO;  // what "--from -" reads
};

}  // namespace vmleak
