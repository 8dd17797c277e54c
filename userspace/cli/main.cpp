// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/run.h"
#include "cli/terminal.h"
#include "commands/collect.h"
#include "commands/exit_code.h"
#include "commands/output_file.h"
#include "executor/host_hands.h"
#include "executor/journal_file.h"
#include "host/host_info.h"
#include "host/host_root.h"

namespace vmleak {
namespace {

volatile std::sig_atomic_t caught_signal = 0;

extern "C" void remember_signal(int number) { caught_signal = number; }

// The first Ctrl-C asks for an orderly end; the second one ends the program
// even where something hangs.
void handle_signals() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    const bool nohup = number == SIGHUP && before.sa_handler == SIG_IGN;
    if (!nohup) sigaction(number, &action, nullptr);
  }
  // A reader that went away is an error of write(), not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
}

// With a standard descriptor closed, the next file opened would take its place
// and get what was meant for the terminal.  Reading and writing these fails.
void occupy_standard_descriptors() {
  for (const auto& [fd, flags] :
       {std::array{STDIN_FILENO, O_WRONLY}, std::array{STDOUT_FILENO, O_RDONLY},
        std::array{STDERR_FILENO, O_RDONLY}}) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", flags) < 0) return;
  }
}

void start_log() {
  auto logger = spdlog::stderr_color_mt("vmleak");
  logger->set_pattern("vmleak: %^%l%$: %v");
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void tell(std::string_view line) {
  static_cast<void>(write_all(STDERR_FILENO, "standard error", std::string(line) + "\n"));
}

Environment real_environment() {
  Environment environment;
  environment.write = [](std::string_view text) {
    return write_all(STDOUT_FILENO, "standard output", text);
  };
  environment.tell = tell;
  environment.collect = collect_snapshot;
  environment.probe = probe_coverage;
  environment.arm = arm_ledger;
  environment.ledger_status = ledger_status;
  environment.disarm = [] { return disarm_host([] { return caught_signal != 0; }); };
  environment.who = [] { return read_operator(HostRoot()); };
  environment.host = [] { return read_host_info(HostRoot()); };
  environment.read_journal = [] { return read_journal(HostRoot()); };
  environment.open_journal = []() -> Result<std::unique_ptr<JournalWriter>> {
    auto file = JournalFile::open(HostRoot());
    if (!file) return file.error();
    return std::unique_ptr<JournalWriter>(std::make_unique<JournalFile>(*std::move(file)));
  };
  environment.hands = [](std::chrono::milliseconds deadline) -> std::unique_ptr<StepHands> {
    return std::make_unique<HostHands>(HostRoot(), deadline);
  };
  // Ends early on a signal.
  environment.sleep = [](std::chrono::milliseconds time) {
    ::poll(nullptr, 0, static_cast<int>(time.count()));
  };
  environment.interrupted = [] { return caught_signal != 0; };
  environment.style = style_of_standard_output();
  return environment;
}

}  // namespace
}  // namespace vmleak

int main(int argc, char** argv) {
  using namespace vmleak;
  try {
    occupy_standard_descriptors();
    handle_signals();
    start_log();
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    const auto code = run(arguments, real_environment(),
                          [] { spdlog::default_logger()->set_level(spdlog::level::debug); });
    return code == kExitSignal ? code + caught_signal : code;
  } catch (const std::exception& error) {
    tell(std::string("vmleak: ") + error.what());
    return kExitFailed;
  }
}
