// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// A tap interface and the vhost-net device behind it.  SET_OWNER makes a
// worker that keeps the caller's address space (mm_users).
class VhostNet {
 public:
  VhostNet();

  // Gives the tap to the worker as the backend of both queues: the device then
  // keeps a reference on the tap's file.
  void start();

  [[nodiscard]] int fd() const { return vhost_.get(); }
  void close_tap() { tap_.reset(); }

 private:
  FileDescriptor tap_;
  FileDescriptor vhost_;
};

}  // namespace vmleak::scenarios
