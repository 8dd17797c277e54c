// SPDX-License-Identifier: Apache-2.0
#include "support/command.h"

#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

namespace vmleak::scenarios {

void run_command(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ);
  if (error != 0) fail("start {}: {}", words.front(), std::strerror(error));
  int status = 0;
  check(::waitpid(pid, &status, 0), "wait for " + words.front());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fail("{}: wait status {}", fmt::join(words, " "), status);
  }
}

}  // namespace vmleak::scenarios
