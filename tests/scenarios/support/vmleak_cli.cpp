// SPDX-License-Identifier: Apache-2.0
#include "support/vmleak_cli.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <iostream>
#include <utility>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

constexpr std::chrono::seconds kDeadline{150};

std::string& program() {
  static std::string path;
  return path;
}

struct Pipe {
  FileDescriptor reader;
  FileDescriptor writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

[[noreturn]] void execute(const std::vector<std::string>& arguments, int out, int err,
                          const std::function<void()>& prepare) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    prepare();
    std::vector<char*> words{program().data()};
    for (const auto& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(program().c_str(), words.data());
    fail("run {}: {}", program(), std::strerror(errno));
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;  // NOLINT: _exit() does not flush
  }
  _exit(127);
}

// Appends what can be read; false at the end.
bool read_into(std::string& text, int fd) {
  std::array<char, 65536> buffer;
  const auto size = ::read(fd, buffer.data(), buffer.size());
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

void set_vmleak_program(const std::string& path) { program() = path; }

std::ostream& operator<<(std::ostream& stream, const CliResult& result) {
  return stream << "$ " << result.command << "\nexit code " << result.exit_code << " after "
                << result.time.count() << " ms\n--- stdout\n"
                << result.out << "\n--- stderr\n"
                << result.err << "\n---\n";
}

Vmleak::Vmleak(const std::vector<std::string>& arguments, const std::function<void()>& prepare)
    : command_("vmleak"), start_(std::chrono::steady_clock::now()) {
  for (const auto& argument : arguments) command_ += " " + argument;
  auto out = make_pipe();
  auto err = make_pipe();
  pid_ = check(::fork(), "fork");
  if (pid_ == 0) execute(arguments, out.writer.get(), err.writer.get(), prepare);
  out_ = std::move(out.reader);
  err_ = std::move(err.reader);
}

Vmleak::~Vmleak() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Vmleak::send_signal(int signal) const { check(::kill(pid_, signal), "send a signal"); }

CliResult Vmleak::finish() {
  CliResult result{.command = command_};
  const auto deadline = start_ + kDeadline;
  struct Stream {
    int fd;
    std::string& text;
  };
  std::vector<Stream> open{{out_.get(), result.out}, {err_.get(), result.err}};
  while (!open.empty()) {
    std::vector<pollfd> polled;
    for (const auto& stream : open) polled.push_back({stream.fd, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), milliseconds_until(deadline)) == 0) {
      fail("{}: no answer within {} s; so far:\n{}\n{}", command_, kDeadline.count(), result.out,
           result.err);
    }
    std::vector<Stream> still_open;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (polled[i].revents == 0 || read_into(open[i].text, open[i].fd)) {
        still_open.push_back(open[i]);
      }
    }
    open.swap(still_open);
  }
  int status = 0;
  check(::waitpid(pid_, &status, 0), "wait for vmleak");
  pid_ = -1;
  result.exit_code = exit_code(status);
  result.time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start_);
  return result;
}

CliResult run_vmleak(const std::vector<std::string>& arguments,
                     const std::function<void()>& prepare) {
  return Vmleak(arguments, prepare).finish();
}

}  // namespace vmleak::scenarios
