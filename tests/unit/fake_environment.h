// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "commands/environment.h"

namespace vmleak::testing {

// A host that answers with prepared snapshots and a terminal that remembers.
struct FakeHost {
  std::deque<Result<Snapshot>> snapshots;  // answers; the last one stays
  std::vector<CollectOptions> collected;   // what was asked for
  Result<Coverage> coverage = Coverage{};
  Status write_result;
  std::string out;
  std::vector<std::string> told;
  bool interrupted = false;
  int sleeps = 0;
  int input = -1;

  Environment environment() {
    Environment environment;
    environment.write = [this](std::string_view text) {
      out += text;
      return write_result;
    };
    environment.tell = [this](std::string_view line) { told.emplace_back(line); };
    environment.collect = [this](const CollectOptions& options, const auto& /*has_suspects*/) {
      collected.push_back(options);
      auto answer = snapshots.front();
      if (snapshots.size() > 1) snapshots.pop_front();
      return answer;
    };
    environment.probe = [this](const CollectOptions& /*options*/) { return coverage; };
    environment.sleep = [this](std::chrono::milliseconds /*time*/) { ++sleeps; };
    environment.interrupted = [this] { return interrupted; };
    environment.style = {.colour = false, .unicode = true, .width = 90};
    environment.input = input;
    return environment;
  }
};

}  // namespace vmleak::testing
