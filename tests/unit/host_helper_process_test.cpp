// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "host/helper_process.h"
#include "host/host_root.h"

namespace vmleak {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Result<HelperProcess> echo_helper() {
  return HelperProcess::start(
      "echo", answer_requests([](std::string_view request) { return std::string(request); }));
}

bool process_exists(pid_t pid) { return ::kill(pid, 0) == 0; }

TEST(HelperProcess, AnswersOneRequestAfterTheOther) {
  auto helper = echo_helper();
  ASSERT_TRUE(helper) << helper.error().message;
  for (const std::string& request : {std::string("first"), std::string(), std::string(1, '\0')}) {
    const auto reply = helper->ask(request, 10s);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(*reply, request);
  }
}

TEST(HelperProcess, PassesMessagesLargerThanAnyPipe) {
  auto helper = echo_helper();
  ASSERT_TRUE(helper);
  std::string large(5'000'011, 'x');
  large[large.size() / 2] = '\n';
  const auto reply = helper->ask(large, 30s);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(*reply == large);
}

TEST(HelperProcess, SeesTheProgramsMemoryAsItWas) {
  int value = 41;
  ++value;
  auto helper = HelperProcess::start(
      "memory", answer_requests([&](std::string_view) { return std::to_string(value); }));
  ASSERT_TRUE(helper);
  value = 0;
  const auto reply = helper->ask("", 10s);
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, "42");
}

TEST(HelperProcess, IsAbandonedAtTheDeadline) {
  auto helper = HelperProcess::start("walk", [](int, int) {
    while (true) ::pause();
  });
  ASSERT_TRUE(helper);
  const pid_t pid = helper->pid();
  const auto begin = std::chrono::steady_clock::now();
  const auto reply = helper->ask("go", 200ms);
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ETIMEDOUT);
  EXPECT_THAT(reply.error().message, HasSubstr("walk did not answer within 200 ms (state S"));
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 5s);
  EXPECT_FALSE(helper->alive());
  EXPECT_FALSE(process_exists(pid)) << "neither running nor a zombie";
  const auto again = helper->ask("go", 200ms);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("gone"));
}

TEST(HelperProcess, DeadlineCountsWhileTheRequestIsWritten) {
  auto helper = HelperProcess::start("deaf helper", [](int, int) {
    while (true) ::pause();
  });
  ASSERT_TRUE(helper);
  const auto reply = helper->ask(std::string(8 << 20, 'r'), 1s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("deaf helper did not answer within 1 s"));
}

TEST(HelperProcess, HalfAnAnswerIsNoAnswer) {
  auto helper = HelperProcess::start("stutter", [](int, int reply) {
    const std::uint64_t size = 100;
    EXPECT_EQ(::write(reply, &size, sizeof(size)), 8);
    EXPECT_EQ(::write(reply, "half", 4), 4);
    while (true) ::pause();
  });
  ASSERT_TRUE(helper);
  const auto reply = helper->ask("", 200ms);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ETIMEDOUT);
}

TEST(HelperProcess, ReportsTheSignalThatKilledIt) {
  auto helper = HelperProcess::start("walk", [](int request, int) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    receive_message(request);
    ::signal(SIGSEGV, SIG_DFL);
    ::raise(SIGSEGV);
  });
  ASSERT_TRUE(helper);
  const auto reply = helper->ask("go", 10s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("walk: helper was killed by signal 11"));
  EXPECT_EQ(reply.error().code, 0);
}

TEST(HelperProcess, ReportsAnEndWithoutAnswer) {
  auto helper = HelperProcess::start("walk", [](int, int) {});
  ASSERT_TRUE(helper);
  const auto reply = helper->ask("go", 10s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("ended without an answer"));
}

TEST(HelperProcess, ReportsAnExceptionInTheHelper) {
  auto helper = HelperProcess::start("walk", [](int, int) { throw std::runtime_error("x"); });
  ASSERT_TRUE(helper);
  const auto reply = helper->ask("go", 10s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("exited with status 70"));
}

TEST(HelperProcess, TakesAnAnswerThatWasWrittenBeforeTheEnd) {
  for (int i = 0; i < 50; ++i) {
    auto helper = HelperProcess::start("once", [](int request, int reply) {
      receive_message(request);
      send_message(reply, "last words");
    });
    ASSERT_TRUE(helper);
    const auto reply = helper->ask("go", 10s);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(*reply, "last words");
  }
}

TEST(HelperProcess, RefusesAnAnswerBeyondTheBound) {
  auto helper = HelperProcess::start("walk", [](int, int reply) {
    const std::uint64_t size = kLargestMessage + 1;
    EXPECT_EQ(::write(reply, &size, sizeof(size)), 8);
    while (true) ::pause();
  });
  ASSERT_TRUE(helper);
  const auto reply = helper->ask("", 10s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("too long"));
}

TEST(HelperProcess, CanBeInterrupted) {
  auto helper = HelperProcess::start("walk", [](int, int) {
    while (true) ::pause();
  });
  ASSERT_TRUE(helper);
  int polls = 0;
  const auto reply = helper->ask("go", 60s, [&] { return ++polls == 3; });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, EINTR);
  EXPECT_FALSE(helper->alive());
}

TEST(HelperProcess, IgnoresSigint) {
  auto helper = echo_helper();
  ASSERT_TRUE(helper);
  ASSERT_TRUE(helper->ask("ready", 10s));  // its signal handling is set up now
  ASSERT_EQ(::kill(helper->pid(), SIGINT), 0);
  const auto reply = helper->ask("still there", 10s);
  ASSERT_TRUE(reply) << reply.error().message;
}

TEST(HelperProcess, EndsWithItsObject) {
  pid_t pid = -1;
  {
    auto helper = echo_helper();
    ASSERT_TRUE(helper);
    pid = helper->pid();
    EXPECT_TRUE(process_exists(pid));
  }
  EXPECT_FALSE(process_exists(pid));
}

TEST(HelperProcess, MovingKeepsExactlyOneOwner) {
  auto first = echo_helper();
  auto second = echo_helper();
  ASSERT_TRUE(first && second);
  const pid_t replaced = second->pid();
  *second = std::move(*first);
  EXPECT_FALSE(process_exists(replaced));
  const auto reply = second->ask("moved", 10s);
  ASSERT_TRUE(reply) << reply.error().message;
}

TEST(HelperProcess, DiesWithTheProgram) {
  // A helper of a helper: the one in between is killed.
  auto outer = HelperProcess::start("outer", [](int request, int reply) {
    auto inner = HelperProcess::start("inner", [](int, int) {
      while (true) ::pause();
    });
    send_message(reply, inner ? std::to_string(inner->pid()) : "0");
    receive_message(request);
    while (true) ::pause();
  });
  ASSERT_TRUE(outer);
  const auto inner_pid = outer->ask("", 10s);
  ASSERT_TRUE(inner_pid) << inner_pid.error().message;
  const pid_t pid = std::stoi(*inner_pid);
  ASSERT_GT(pid, 0);
  ASSERT_EQ(::kill(outer->pid(), SIGKILL), 0);
  // Its new parent collects it: gone, or a zombie where there is no init.
  const auto ended = [&] {
    const auto stat = HostRoot().read("/proc/" + *inner_pid + "/stat");
    return !stat || stat->find(") Z ") != std::string::npos;
  };
  for (int i = 0; i < 500 && !ended(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(ended());
}

TEST(HelperProcess, DoesNotKeepStandardOutputOpen) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDOUT_FILENO);
  ::fcntl(saved, F_SETFD, FD_CLOEXEC);
  ASSERT_EQ(::dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
  ::close(ends[1]);
  auto helper = echo_helper();
  const bool answered = helper && helper->ask("ready", 10s);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ASSERT_TRUE(answered);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "end of file although the helper lives";
  ::close(ends[0]);
}

}  // namespace
}  // namespace vmleak
