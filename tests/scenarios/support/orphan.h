// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string_view>

namespace vmleak::scenarios {

// Forks a process that inherits the caller's mappings, closes every file, and
// outlives the caller.  For actors; the test adopts it with Orphan.
pid_t leave_heir(std::string_view name);

// A process that an actor left behind.  The test's process adopts orphans (see
// main.cpp), so it can wait for their death.
class Orphan {
 public:
  explicit Orphan(pid_t pid) : pid_(pid) {}
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;
  ~Orphan() { kill(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill();

 private:
  pid_t pid_;
  bool reaped_ = false;
};

}  // namespace vmleak::scenarios
