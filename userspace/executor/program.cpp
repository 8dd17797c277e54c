// SPDX-License-Identifier: Apache-2.0
#include "executor/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/file_descriptor.h"
#include "host/host_root.h"
#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::size_t kOutputKept = 16384;
constexpr std::size_t kOutputShown = 400;

// Its standard input is empty, both outputs go to `out`.
class FileActions {
 public:
  explicit FileActions(int out) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDERR_FILENO);
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  FileActions(FileActions&&) = delete;
  FileActions& operator=(FileActions&&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::string end_of(std::string_view output) {
  output = trim(output);
  if (output.size() > kOutputShown) output.remove_prefix(output.size() - kOutputShown);
  return std::string(output);
}

}  // namespace

Status run_program(const std::vector<std::string>& argv) {
  if (argv.empty() || !argv.front().starts_with('/')) return Error{"run a program: it has no path"};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("create pipe", errno);
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));  // NOLINT
  words.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C.UTF-8";
  std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
  pid_t pid = -1;
  const FileActions actions(writer.get());
  const int failed =
      ::posix_spawn(&pid, words.front(), actions.get(), nullptr, words.data(), environment.data());
  if (failed != 0) return system_error("run " + argv.front(), failed);
  writer.reset();
  const auto output = read_all(reader.get(), kOutputKept);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return system_error("wait for " + argv.front(), errno);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const auto how = WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                     : fmt::format("killed by signal {}", WTERMSIG(status));
  const auto said = output ? end_of(*output) : std::string();
  return Error{fmt::format("run {}: {}{}{}", argv.front(), how, said.empty() ? "" : ": ", said)};
}

}  // namespace vmleak
