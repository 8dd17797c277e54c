// SPDX-License-Identifier: Apache-2.0
#include "host/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>
#include <vector>

#include "host/helper_message.h"
#include "host/host_root.h"
#include "host/text.h"

namespace vmleak {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kInterruptPoll{100};
// How long the end of a killed helper is waited for; one that hangs in the
// kernel takes longer, and is collected later or by init.
constexpr milliseconds kReapPatience{50};
constexpr int kReplyPipeSize = 1 << 20;

// Helpers that were killed and did not end at once.
class AbandonedHelpers {
 public:
  void add(pid_t pid) {
    const std::scoped_lock lock(mutex_);
    pids_.push_back(pid);
  }
  void collect() {
    const std::scoped_lock lock(mutex_);
    std::erase_if(pids_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> pids_;
};

AbandonedHelpers& abandoned_helpers() {
  static AbandonedHelpers helpers;
  return helpers;
}

std::string to_text(milliseconds time) {
  return time < std::chrono::seconds(1)
             ? fmt::format("{} ms", time.count())
             : fmt::format("{:.3g} s", static_cast<double>(time.count()) / 1000);
}

// "a < b < c", the innermost functions; empty when it can't be read.
std::string kernel_stack(const HostRoot& host, pid_t pid) {
  constexpr int kFrames = 6;
  const auto text = host.read(fmt::format("/proc/{}/stack", pid));
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  std::string frames;
  for (int i = 0; i < kFrames && !rest.empty(); ++i) {
    auto line = next_part(rest, '\n');
    next_word(line);  // the address, which is hidden
    const auto function = line.substr(0, line.find('+'));
    frames += fmt::format("{}{}", frames.empty() ? "" : " < ", trim(function));
  }
  return frames;
}

// "state D, in kvm_destroy_vm: kvm_destroy_vm < ..."; empty when nothing can be
// read.
std::string where_it_hangs(pid_t pid) {
  const HostRoot host;
  const auto stat = host.read(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) return "";
  std::string text;
  if (const auto name_end = stat->rfind(')');
      name_end != std::string::npos && name_end + 2 < stat->size()) {
    text = fmt::format("state {}", (*stat)[name_end + 2]);
  }
  const auto wchan = host.read_value(fmt::format("/proc/{}/wchan", pid));
  if (wchan && !wchan->empty() && *wchan != "0") text += fmt::format(", in {}", *wchan);
  if (const auto stack = kernel_stack(host, pid); !stack.empty()) text += ": " + stack;
  return text;
}

}  // namespace

struct HelperProcess::Wait {
  Clock::time_point end;
  milliseconds deadline;
  const std::function<bool()>& interrupted;
};

Result<HelperProcess> HelperProcess::start(
    std::string name, const std::function<void(int request_fd, int reply_fd)>& serve) {
  abandoned_helpers().collect();
  // Requests go through a socket, because writing to a pipe whose reader died
  // raises SIGPIPE; replies through a pipe, which is faster.
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return system_error(fmt::format("start {}: create socket", name), errno);
  }
  FileDescriptor request(sockets[0]);
  FileDescriptor helper_request(sockets[1]);
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return system_error(fmt::format("start {}: create pipe", name), errno);
  }
  FileDescriptor reply(pipe_ends[0]);
  FileDescriptor helper_reply(pipe_ends[1]);
  ::fcntl(reply.get(), F_SETPIPE_SZ, kReplyPipeSize);  // refused: slower, not wrong
  ::fcntl(reply.get(), F_SETFL, O_NONBLOCK);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error(fmt::format("start {}: fork", name), errno);
  if (pid == 0) {
    request.reset();
    reply.reset();
    run_helper(parent, helper_request.get(), helper_reply.get(), serve);
  }
  HelperProcess helper;
  helper.name_ = std::move(name);
  helper.pid_ = pid;
  helper.request_ = std::move(request);
  helper.reply_ = std::move(reply);
  helper.pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!helper.pidfd_) {
    return system_error(fmt::format("start {}: open its pidfd", helper.name_), errno);
  }
  return helper;
}

HelperProcess::HelperProcess(HelperProcess&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      request_(std::move(other.request_)),
      reply_(std::move(other.reply_)) {}

HelperProcess& HelperProcess::operator=(HelperProcess&& other) noexcept {
  if (this != &other) {
    abandon();
    name_ = std::move(other.name_);
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    request_ = std::move(other.request_);
    reply_ = std::move(other.reply_);
  }
  return *this;
}

HelperProcess::~HelperProcess() { abandon(); }

void HelperProcess::abandon() {
  if (pid_ <= 0) return;
  if (pidfd_) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    pollfd ended{pidfd_.get(), POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(kReapPatience.count()));
  } else {
    ::kill(pid_, SIGKILL);
  }
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) abandoned_helpers().add(pid_);
  pid_ = -1;
  pidfd_.reset();
  request_.reset();
  reply_.reset();
}

Error HelperProcess::describe_death() {
  int status = 0;
  std::string how = "it ended";
  if (::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      how = fmt::format("helper was killed by signal {} ({})", signal, ::strsignal(signal));
    } else if (WEXITSTATUS(status) != 0) {
      how = fmt::format("helper exited with status {}", WEXITSTATUS(status));
    } else {
      how = "helper ended without an answer";
    }
  }
  abandon();
  return {fmt::format("{}: {}", name_, how), 0};
}

Error HelperProcess::no_answer(milliseconds deadline) {
  const std::string where = where_it_hangs(pid_);
  abandon();
  return {fmt::format("{} did not answer within {}{}", name_, to_text(deadline),
                      where.empty() ? "" : fmt::format(" ({})", where)),
          ETIMEDOUT};
}

// Returns when `fd` is ready for `events` or has reached its end.
Status HelperProcess::wait_for(int fd, short events, const Wait& wait) {
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(wait.end - Clock::now());
    if (wait.interrupted && wait.interrupted()) {
      abandon();
      return Error{fmt::format("{}: interrupted", name_), EINTR};
    }
    if (left <= milliseconds::zero()) return no_answer(wait.deadline);
    std::array<pollfd, 2> ready{pollfd{fd, events, 0}, pollfd{pidfd_.get(), POLLIN, 0}};
    const int count = ::poll(ready.data(), ready.size(),
                             static_cast<int>(std::min(left, kInterruptPoll).count()) + 1);
    if (count < 0 && errno != EINTR) {
      const int cause = errno;
      abandon();
      return system_error(fmt::format("{}: poll", name_), cause);
    }
    if (count <= 0) continue;
    if (ready[0].revents != 0) return {};
    // The end of file alone can't tell: other helpers were forked with our
    // end of the pipe.  What it wrote before it ended is still in the pipe.
    if (ready[1].revents != 0) {
      // Between looking at the pipe and at the pidfd it may have answered.
      if (::poll(ready.data(), 1, 0) > 0 && ready[0].revents != 0) return {};
      return describe_death();
    }
  }
}

Status HelperProcess::send_request(std::string_view request, const Wait& wait) {
  std::string message = frame_header(request.size());
  message += request;
  std::string_view rest = message;
  while (!rest.empty()) {
    const ssize_t put =
        ::send(request_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) {
      rest.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EINTR) continue;
    // EPIPE, ECONNRESET: it is about to end; the pidfd says how.
    const int fd = errno == EAGAIN ? request_.get() : -1;
    if (auto status = wait_for(fd, POLLOUT, wait); !status) return status;
  }
  return {};
}

Result<std::string> HelperProcess::receive_reply(const Wait& wait) {
  std::array<char, sizeof(std::uint64_t)> header{};
  std::size_t header_filled = 0;
  std::string reply;
  std::size_t filled = 0;
  while (true) {
    const bool in_header = header_filled < header.size();
    char* target = in_header ? header.data() + header_filled : reply.data() + filled;
    const std::size_t wanted = in_header ? header.size() - header_filled : reply.size() - filled;
    if (!in_header && wanted == 0) return reply;
    const ssize_t got = ::read(reply_.get(), target, wanted);
    if (got > 0) {
      (in_header ? header_filled : filled) += static_cast<std::size_t>(got);
      if (!in_header || header_filled < header.size()) continue;
      const std::uint64_t size = frame_size(header.data());
      if (size > kLargestMessage) {
        abandon();
        return Error{fmt::format("{}: answer of {} bytes is too long", name_, size), EMSGSIZE};
      }
      reply.resize(size);
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    // At the end of the pipe only the pidfd is left to wait for.
    const int fd = got < 0 && errno == EAGAIN ? reply_.get() : -1;
    if (auto status = wait_for(fd, POLLIN, wait); !status) return status.error();
  }
}

Result<std::string> HelperProcess::ask(std::string_view request, milliseconds deadline,
                                       const std::function<bool()>& interrupted) {
  if (!alive()) return Error{fmt::format("{}: the helper is gone", name_), ESRCH};
  if (request.size() > kLargestMessage) {
    return Error{fmt::format("{}: request of {} bytes is too long", name_, request.size()),
                 EMSGSIZE};
  }
  const Wait wait{Clock::now() + deadline, deadline, interrupted};
  if (auto status = send_request(request, wait); !status) return status.error();
  return receive_reply(wait);
}

}  // namespace vmleak
