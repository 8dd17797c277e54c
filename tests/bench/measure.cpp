// SPDX-License-Identifier: Apache-2.0
//
// bench_measure time|memory COMMAND...: runs it with its output thrown away and
// prints "<exit status> <wall ms> <CPU ms> <largest process KiB> <all KiB>".
//
// With "memory" it is watched while it runs, which slows it down: <all KiB> is
// the highest sum over its processes of what each has for itself and its share
// of what they share (PSS).  With "time" that is 0.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

double now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double ms(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

std::vector<pid_t> with_children(pid_t process) {
  std::vector<pid_t> all = {process};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto id = std::to_string(all[i]);
    std::ifstream children("/proc/" + id + "/task/" + id + "/children");
    for (pid_t child = 0; children >> child;) all.push_back(child);
  }
  return all;
}

long pss_kib(pid_t process) {
  std::ifstream rollup("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (std::string word; rollup >> word;) {
    long kib = 0;
    if (word == "Pss:" && rollup >> kib) return kib;
  }
  return 0;
}

[[noreturn]] void run(char** command) {
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, fd);
  ::execvp(command[0], command);
  std::_Exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[1] : "";
  if (mode != "time" && mode != "memory") {
    std::fprintf(stderr, "usage: bench_measure time|memory COMMAND [ARGUMENT]...\n");
    return 2;
  }
  const double start = now_ms();
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "bench_measure: fork: %s\n", std::strerror(errno));
    return 1;
  }
  if (child == 0) run(argv + 2);

  int status = 0;
  rusage usage{};
  long all_kib = 0;
  while (::wait4(child, &status, mode == "memory" ? WNOHANG : 0, &usage) == 0) {
    long sum = 0;
    for (const pid_t process : with_children(child)) sum += pss_kib(process);
    all_kib = std::max(all_kib, sum);
    ::usleep(2000);
  }
  std::printf("%d %.1f %.1f %ld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255,
              now_ms() - start, ms(usage.ru_utime) + ms(usage.ru_stime), usage.ru_maxrss, all_kib);
  return 0;
}
