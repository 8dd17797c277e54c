// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// An io_uring instance, by bare system calls.
class IoRing {
 public:
  IoRing();

  [[nodiscard]] int fd() const { return ring_.get(); }

  // The ring keeps a reference on the file until it dies.
  void register_file(int fd) const;
  // Gives the ring itself to this task's table of registered rings (since
  // Linux 5.18) and closes its descriptor: no /proc/PID/fd shows it any more.
  void hide();

 private:
  FileDescriptor ring_;
};

}  // namespace vmleak::scenarios
