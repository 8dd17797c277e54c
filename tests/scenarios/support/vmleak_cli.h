// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// The program under test.  Set once, by main().
void set_vmleak_program(const std::string& path);

// What a finished run left.
struct CliResult {
  std::string command;
  int exit_code = -1;  // 128 + signal when a signal ended it
  std::string out{};
  std::string err{};
  std::chrono::milliseconds time{};
};

// For messages of failed assertions.
std::ostream& operator<<(std::ostream& stream, const CliResult& result);

// One run of vmleak, in a process group of its own.
class Vmleak {
 public:
  // `prepare` runs in the child before the program does: to drop privileges,
  // to enter a namespace, to put something else on descriptor 1.
  explicit Vmleak(
      const std::vector<std::string>& arguments, const std::function<void()>& prepare = [] {});
  Vmleak(const Vmleak&) = delete;
  Vmleak& operator=(const Vmleak&) = delete;
  ~Vmleak();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send_signal(int signal) const;
  // Waits for the end; kills it and throws when that takes too long.
  CliResult finish();

 private:
  std::string command_;
  std::chrono::steady_clock::time_point start_;
  pid_t pid_ = -1;
  FileDescriptor out_;
  FileDescriptor err_;
};

CliResult run_vmleak(
    const std::vector<std::string>& arguments, const std::function<void()>& prepare = [] {});

}  // namespace vmleak::scenarios
