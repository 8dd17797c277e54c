// SPDX-License-Identifier: Apache-2.0
#include "support/orphan.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "support/check.h"
#include "support/wait.h"

namespace vmleak::scenarios {

pid_t leave_heir(std::string_view name) {
  // If the heir dies first, nobody needs to wait for it.
  check(::signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, "ignore SIGCHLD");
  const pid_t pid = check(::fork(), "fork");
  if (pid != 0) return pid;
  ::prctl(PR_SET_NAME, std::string(name).c_str());
  ::close_range(0, ~0U, 0);
  while (true) ::pause();
}

void Orphan::kill() {
  if (reaped_) return;
  reaped_ = true;
  ::kill(pid_, SIGKILL);
  // Its parent is this process by now, or still the actor, which does not care.
  wait_until("the heir to be dead",
             [this] { return ::waitpid(pid_, nullptr, WNOHANG) > 0 || ::kill(pid_, 0) != 0; });
}

}  // namespace vmleak::scenarios
