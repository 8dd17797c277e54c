// SPDX-License-Identifier: Apache-2.0
//
// bench_load PROCESSES FILES: that many processes with that many open files
// between them, of the kinds that hosts have most of, until stdin is closed.
// Prints "ready" when all of them are open.
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "bench_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// A quarter each of regular files, event descriptors and sockets, and of pipes.
bool open_some(long number) {
  std::array<int, 2> pair{};
  switch (number % 4) {
    case 0:
      return ::open("/etc/hostname", O_RDONLY) >= 0;
    case 1:
      return ::eventfd(0, 0) >= 0;
    case 2:
      return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
    default:
      return ::pipe(pair.data()) == 0 && ::close(pair[1]) == 0;
  }
}

[[noreturn]] void hold_files(long count, int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (long i = 0; i < count; ++i) {
    if (!open_some(i)) give_up("open a file");
  }
  if (::write(ready, "+", 1) != 1) give_up("report");
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  const long processes = argc == 3 ? std::atol(argv[1]) : 0;
  const long files = argc == 3 ? std::atol(argv[2]) : 0;
  if (processes <= 0 || files < processes) {
    std::fprintf(stderr, "usage: bench_load PROCESSES FILES\n");
    return 2;
  }
  const long each = files / processes;
  const rlimit limit{static_cast<rlim_t>(each) + 64, static_cast<rlim_t>(each) + 64};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("raise the limit of open files");
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) give_up("make a pipe");

  std::vector<pid_t> children;
  for (long i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child < 0) give_up("fork");
    if (child == 0) hold_files(each, ready[1]);
    children.push_back(child);
  }
  for (long i = 0; i < processes; ++i) {
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) give_up("wait for the processes");
  }
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  for (const pid_t child : children) ::kill(child, SIGKILL);
  while (::wait(nullptr) > 0) {
  }
  return 0;
}
