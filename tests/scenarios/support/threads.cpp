// SPDX-License-Identifier: Apache-2.0
#include "support/threads.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "support/check.h"

namespace vmleak::scenarios {

void outlive_leader(const std::function<void()>& body) {
  std::thread([body] {
    body();
    _exit(0);
  }).detach();
  // Not pthread_exit(): that would unwind, and destroy what the caller has.
  while (true) ::syscall(SYS_exit, 0);
}

void run_with_own_files(const std::function<void()>& body) {
  std::thread([&body] {
    check(::unshare(CLONE_FILES), "get a table of files");
    body();
  }).join();
}

}  // namespace vmleak::scenarios
