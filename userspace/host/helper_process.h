// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace vmleak {

// A message between the program and a helper: its size in 8 bytes, then it.
inline constexpr std::uint64_t kLargestMessage = std::uint64_t{1} << 30;

// The helper's side of the pipe.  Both block; receive_message() returns
// nothing at the end of requests, when the helper has to end.
std::optional<std::string> receive_message(int request_fd);
bool send_message(int reply_fd, std::string_view message);

// A fork of this program that does what may never return: reading files of a
// dying process, iterators that may end up with the last reference of a file.
// A task that hangs in the kernel can't be killed, so a helper that does not
// answer in time is killed, never waited for, and forgotten.
//
// The helper has the program's memory and file descriptors as they were at
// start(), without standard input, output and error: an abandoned helper must
// not keep the pipe open that somebody reads our output from.  It dies with
// the program and ignores SIGINT.
class HelperProcess {
 public:
  // `name` is what error messages call it, e.g. "walk of open files".
  // `serve` runs in the helper until it returns; see answer_requests().
  static Result<HelperProcess> start(
      std::string name, const std::function<void(int request_fd, int reply_fd)>& serve);

  HelperProcess(HelperProcess&& other) noexcept;
  HelperProcess& operator=(HelperProcess&& other) noexcept;
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;
  ~HelperProcess();

  // Sends `request` and waits for the reply.  After an error the helper is
  // gone: code ETIMEDOUT when it did not answer, EINTR when `interrupted`
  // (polled about every 100 ms, may be empty) said so, otherwise it died.
  Result<std::string> ask(std::string_view request, std::chrono::milliseconds deadline,
                          const std::function<bool()>& interrupted = {});

  [[nodiscard]] bool alive() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  struct Wait;
  HelperProcess() = default;

  Status send_request(std::string_view request, const Wait& wait);
  Result<std::string> receive_reply(const Wait& wait);
  Status wait_for(int fd, short events, const Wait& wait);
  Error describe_death();
  Error no_answer(std::chrono::milliseconds deadline);
  void abandon();

  std::string name_;
  pid_t pid_ = -1;
  FileDescriptor pidfd_;
  FileDescriptor request_;
  FileDescriptor reply_;
};

// A `serve` that answers one request after the other.
std::function<void(int, int)> answer_requests(
    std::function<std::string(std::string_view request)> answer);

}  // namespace vmleak
