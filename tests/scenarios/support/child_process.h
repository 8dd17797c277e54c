// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string_view>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// The child's end of the line to the test that forked it.
class Stage {
 public:
  explicit Stage(int channel) : channel_(channel) {}

  // Tells the test that this point is reached, with a number it may want to
  // know, and waits until it says go on.
  void pause(int value = 0) const;

 private:
  int channel_;
};

// A forked process that acts a part of a scenario: `body` runs in it, from one
// pause to the next as the test says.  The test itself never opens the files a
// scenario is about, so whatever holds them is an actor.
class ChildProcess {
 public:
  using Body = std::function<void(const Stage&)>;

  // Forks and returns at the first pause.  `name` becomes the task's comm.
  // Throws what `body` throws.
  ChildProcess(std::string_view name, const Body& body);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // What the last pause told.
  [[nodiscard]] int value() const { return value_; }

  // Lets it run to its next pause, or to its end.
  void resume();
  // Lets it run and does not wait.
  void resume_only() const;
  // Lets it run to its exec(3).
  void resume_into_program();
  // Sends SIGKILL and does not wait: some scenarios are about tasks that stay.
  void kill_only() const;
  // It comes to its end in this time.
  [[nodiscard]] bool ends_within(std::chrono::nanoseconds patience);
  // Waits until it is dead in every respect: files released, reaped.
  void wait_for_death();
  void kill() {
    kill_only();
    wait_for_death();
  }

 private:
  // False when the child has closed the line.
  bool receive();
  [[nodiscard]] bool reap();

  pid_t pid_ = -1;
  FileDescriptor channel_;
  int value_ = 0;
  bool reaped_ = false;
};

}  // namespace vmleak::scenarios
