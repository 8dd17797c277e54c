// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// One process, which a PID alone does not name: it is recycled.
class ProcessHandle {
 public:
  // Nothing when it is gone.  `start_time_ns` is when it began, since boot; two
  // clock ticks off is the same process.
  static Result<std::optional<ProcessHandle>> open(const HostRoot& root, std::int64_t pid,
                                                   std::uint64_t start_time_ns);

  // All its threads have ended; waited for at most `time`.
  [[nodiscard]] bool has_ended(std::chrono::milliseconds time = {}) const;
  // pidfd_send_signal(2); a process that has ended is no error.
  [[nodiscard]] Status send(int signal) const;
  // "state D, in vhost_dev_flush": of the thread that says most.
  [[nodiscard]] std::string state(const HostRoot& root) const;

 private:
  ProcessHandle(FileDescriptor fd, std::int64_t pid) : fd_(std::move(fd)), pid_(pid) {}

  FileDescriptor fd_;  // pidfd
  std::int64_t pid_;
};

}  // namespace vmleak
