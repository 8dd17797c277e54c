// SPDX-License-Identifier: Apache-2.0
#include "support/process_files.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

namespace fs = std::filesystem;

// Names in `directory` that are numbers; none when it can't be read, because
// the process may be gone at any time.
std::vector<int> numbers_in(const fs::path& directory) {
  std::vector<int> numbers;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    int number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ptr == name.data() + name.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

fs::path proc(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

}  // namespace

int find_fd(pid_t pid, std::string_view target) {
  const auto directory = proc(pid) / "fd";
  for (const int fd : numbers_in(directory)) {
    std::error_code error;
    const std::string link = fs::read_symlink(directory / std::to_string(fd), error);
    if (!error && link.starts_with(target)) return fd;
  }
  return -1;
}

bool maps_file(pid_t pid, std::string_view target) {
  std::ifstream maps(proc(pid) / "maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(target) != std::string::npos) return true;
  }
  return false;
}

std::vector<pid_t> processes_running(std::string_view command_line) {
  std::vector<pid_t> found;
  for (const int pid : numbers_in("/proc")) {
    std::ifstream file(proc(pid) / "cmdline");
    std::string words{std::istreambuf_iterator<char>(file), {}};
    std::replace(words.begin(), words.end(), '\0', ' ');
    if (words == std::string(command_line) + " ") found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const int pid : numbers_in("/proc")) {
    if (process_status(pid, "PPid") == std::to_string(parent)) found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> processes_with(std::string_view target) {
  std::vector<pid_t> found;
  for (const int pid : numbers_in("/proc")) {
    if (find_fd(pid, target) >= 0 || maps_file(pid, target)) found.push_back(pid);
  }
  return found;
}

FileDescriptor grab_fd(pid_t pid, int fd) {
  const FileDescriptor process(
      static_cast<int>(check(::syscall(SYS_pidfd_open, pid, 0), "open pidfd")));
  return FileDescriptor(static_cast<int>(
      check(::syscall(SYS_pidfd_getfd, process.get(), fd, 0), "take a file of a process")));
}

std::string process_status(pid_t pid, std::string_view field) {
  std::ifstream status(proc(pid) / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field) && line.substr(field.size(), 2) == ":\t") {
      return line.substr(field.size() + 2);
    }
  }
  return {};
}

bool is_inside(pid_t pid, std::string_view function) {
  const auto tasks = proc(pid) / "task";
  for (const int tid : numbers_in(tasks)) {
    std::ifstream stack(tasks / std::to_string(tid) / "stack");
    const std::string text{std::istreambuf_iterator<char>(stack), {}};
    if (text.find(function) != std::string::npos) return true;
  }
  return false;
}

}  // namespace vmleak::scenarios
