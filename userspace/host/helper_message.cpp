// SPDX-License-Identifier: Apache-2.0

// The helper's side of HelperProcess.
#include "host/helper_message.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>

#include "host/helper_process.h"

namespace vmleak {
namespace {

constexpr int kServeThrew = 70;  // EX_SOFTWARE

bool read_exactly(int fd, char* data, std::size_t size) {
  while (size != 0) {
    const ssize_t got = ::read(fd, data, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_exactly(int fd, const char* data, std::size_t size) {
  while (size != 0) {
    const ssize_t put = ::write(fd, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    data += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

}  // namespace

[[noreturn]] void run_helper(pid_t parent, int request_fd, int reply_fd,
                             const std::function<void(int, int)>& serve) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // it died before the line above
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
  if (const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (standard != request_fd && standard != reply_fd) ::dup2(null, standard);
    }
    if (null > STDERR_FILENO) ::close(null);
  }
  try {
    serve(request_fd, reply_fd);
  } catch (const std::exception&) {
    ::_exit(kServeThrew);
  }
  // Neither destructors nor exit handlers: they belong to the program.
  ::_exit(0);
}

std::optional<std::string> receive_message(int request_fd) {
  std::array<char, sizeof(std::uint64_t)> header{};
  if (!read_exactly(request_fd, header.data(), header.size())) return std::nullopt;
  const std::uint64_t size = frame_size(header.data());
  if (size > kLargestMessage) return std::nullopt;
  std::string message(size, '\0');
  if (!read_exactly(request_fd, message.data(), message.size())) return std::nullopt;
  return message;
}

bool send_message(int reply_fd, std::string_view message) {
  const std::string header = frame_header(message.size());
  return message.size() <= kLargestMessage &&
         write_exactly(reply_fd, header.data(), header.size()) &&
         write_exactly(reply_fd, message.data(), message.size());
}

std::function<void(int, int)> answer_requests(
    std::function<std::string(std::string_view request)> answer) {
  return [answer = std::move(answer)](int request_fd, int reply_fd) {
    while (const auto request = receive_message(request_fd)) {
      if (!send_message(reply_fd, answer(*request))) return;
    }
  };
}

}  // namespace vmleak
