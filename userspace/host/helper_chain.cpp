// SPDX-License-Identifier: Apache-2.0
#include "host/helper_chain.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vmleak {
namespace {

using std::chrono::milliseconds;

// How long one question may keep the others waiting.  Reading a process takes
// well below a millisecond, also with a thousand threads on a busy host.
constexpr milliseconds kPatience{1000};

}  // namespace

HelperChain::HelperChain(std::string name,
                         std::function<std::string(std::string_view request)> answer,
                         Clock::time_point end, std::function<bool()> interrupted)
    : name_(std::move(name)),
      answer_(std::move(answer)),
      end_(end),
      interrupted_(std::move(interrupted)) {}

Result<std::string> HelperChain::ask(std::string_view request) {
  const auto left = std::chrono::duration_cast<milliseconds>(end_ - Clock::now());
  if (left <= milliseconds::zero()) return Error{"no time left for it", ETIMEDOUT};
  if (!helper_ || !helper_->alive()) {
    auto started = HelperProcess::start(name_, answer_requests(answer_));
    if (!started) return started.error();
    helper_ = *std::move(started);
  }
  return helper_->ask(request, std::min(left, kPatience), interrupted_);
}

}  // namespace vmleak
