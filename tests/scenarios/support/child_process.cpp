// SPDX-License-Identifier: Apache-2.0
#include "support/child_process.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <string>

#include "support/check.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

enum class Event { kPaused, kFailed };

struct Message {
  Event event = Event::kPaused;
  int value = 0;
  std::array<char, 240> text{};
};

void send(int channel, const Message& message) {
  // Without a test to hear it there is nothing left to act for.
  if (::send(channel, &message, sizeof message, MSG_NOSIGNAL) < 0) _exit(1);
}

// What the test has open (lines to other actors, above all) is none of the
// child's business, and a file is held by its actors only.
void close_all_but(int kept) {
  const auto fd = static_cast<unsigned>(kept);
  if (fd > 3) check(::close_range(3, fd - 1, 0), "close inherited files");
  check(::close_range(fd + 1, ~0U, 0), "close inherited files");
}

[[noreturn]] void act(int channel, std::string_view name, const ChildProcess::Body& body) {
  try {
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "bind life to the test");
    check(::prctl(PR_SET_NAME, std::string(name).c_str()), "set name");
    close_all_but(channel);
    body(Stage(channel));
    _exit(0);
  } catch (const std::exception& error) {
    Message message{.event = Event::kFailed};
    const std::string_view what = error.what();
    std::copy_n(what.begin(), std::min(what.size(), message.text.size() - 1), message.text.begin());
    send(channel, message);
    _exit(1);
  }
}

}  // namespace

void Stage::pause(int value) const {
  send(channel_, {.value = value});
  char go = 0;
  if (::recv(channel_, &go, sizeof go, 0) <= 0) _exit(1);
}

ChildProcess::ChildProcess(std::string_view name, const Body& body) {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "make a channel");
  channel_ = FileDescriptor(ends[0]);
  FileDescriptor child_end(ends[1]);
  pid_ = check(::fork(), "fork");
  if (pid_ == 0) act(child_end.get(), name, body);
  child_end.reset();
  if (!receive()) {
    wait_for_death();
    fail("actor {} ended before its first pause", pid_);
  }
}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  // A task that a failed test left stuck in the kernel must not take the
  // other tests with it.
  static_cast<void>(holds_within(std::chrono::seconds(10), [this] { return reap(); }));
}

bool ChildProcess::receive() {
  Message message;
  if (::recv(channel_.get(), &message, sizeof message, 0) <= 0) return false;
  if (message.event == Event::kFailed) {
    wait_for_death();
    fail("actor {}: {}", pid_, message.text.data());
  }
  value_ = message.value;
  return true;
}

void ChildProcess::resume_only() const {
  const char go = 1;
  check(::send(channel_.get(), &go, sizeof go, MSG_NOSIGNAL), "resume actor");
}

void ChildProcess::resume() {
  resume_only();
  if (!receive()) wait_for_death();
}

void ChildProcess::resume_into_program() {
  resume_only();
  if (receive()) fail("actor {} paused instead of running a program", pid_);
}

void ChildProcess::kill_only() const {
  if (!reaped_) check(::kill(pid_, SIGKILL), "kill actor");
}

bool ChildProcess::reap() {
  if (!reaped_) reaped_ = ::waitpid(pid_, nullptr, WNOHANG) != 0;
  return reaped_;
}

bool ChildProcess::ends_within(std::chrono::nanoseconds patience) {
  return holds_within(patience, [this] { return reap(); });
}

void ChildProcess::wait_for_death() {
  wait_until(fmt::format("actor {} to be dead", pid_), [this] { return reap(); });
}

}  // namespace vmleak::scenarios
