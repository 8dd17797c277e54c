// SPDX-License-Identifier: Apache-2.0
#include "support/journal_watch.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "support/check.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

constexpr const char* kDirectory = "/var/lib/vmleak";
constexpr const char* kJournal = "/var/lib/vmleak/journal.ndjson";

class RealTime {
 public:
  RealTime() {
    const sched_param first{.sched_priority = 1};
    check(::sched_setscheduler(0, SCHED_FIFO, &first), "run with real-time priority");
  }
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;
  ~RealTime() {
    const sched_param other{};
    ::sched_setscheduler(0, SCHED_OTHER, &other);
  }
};

// Whether a step of that kind has its end in the journal after `from`.
bool has_ended(std::string_view step_kind, long from) {
  std::ifstream file(kJournal);
  file.seekg(from);
  std::optional<std::size_t> step;
  for (std::string line; std::getline(file, line);) {
    const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_discarded()) continue;
    if (record.at("event") == "run-started") {
      const auto& steps = record.at("steps");
      for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].at("kind") == step_kind) step = i;
      }
    }
    if (record.at("event") == "step-ended" && step && record.at("step") == *step) return true;
  }
  return false;
}

}  // namespace

JournalWatch::JournalWatch() {
  std::filesystem::create_directories(kDirectory);
  std::filesystem::permissions(kDirectory, std::filesystem::perms::owner_all);
  std::error_code none;
  const auto size = std::filesystem::file_size(kJournal, none);
  seen_ = none ? 0 : static_cast<long>(size);
  events_ = FileDescriptor(check(::inotify_init1(IN_CLOEXEC), "watch the journal"));
  check(::inotify_add_watch(events_.get(), kDirectory, IN_MODIFY | IN_CREATE), "watch the journal");
}

void JournalWatch::kill_at_end_of(std::string_view step_kind, pid_t pid) {
  const RealTime real_time;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!has_ended(step_kind, seen_)) {
    pollfd changed{events_.get(), POLLIN, 0};
    std::array<char, 4096> buffer;
    if (::poll(&changed, 1, 1000) > 0) {
      check(::read(events_.get(), buffer.data(), buffer.size()), "read events of the journal");
    }
    if (std::chrono::steady_clock::now() > deadline) fail("no step {} has ended", step_kind);
  }
  check(::kill(pid, SIGKILL), "kill");
}

}  // namespace vmleak::scenarios
