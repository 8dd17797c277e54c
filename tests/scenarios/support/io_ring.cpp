// SPDX-License-Identifier: Apache-2.0
#include "support/io_ring.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

void io_uring_register(int ring, unsigned operation, void* argument, const char* what) {
  check(::syscall(SYS_io_uring_register, ring, operation, argument, 1), what);
}

}  // namespace

IoRing::IoRing() {
  io_uring_params parameters{};
  ring_ = FileDescriptor(
      static_cast<int>(check(::syscall(SYS_io_uring_setup, 4, &parameters), "set up io_uring")));
}

void IoRing::register_file(int fd) const {
  io_uring_register(ring_.get(), IORING_REGISTER_FILES, &fd, "register a fixed file");
}

void IoRing::hide() {
  io_uring_rsrc_update update{};
  update.offset = ~0U;  // any free slot
  update.data = static_cast<unsigned>(ring_.get());
  io_uring_register(ring_.get(), IORING_REGISTER_RING_FDS, &update, "register the ring");
  ring_.reset();
}

}  // namespace vmleak::scenarios
