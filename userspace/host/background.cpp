// SPDX-License-Identifier: Apache-2.0
#include "host/background.h"

#include <algorithm>
#include <utility>

namespace vmleak {

using nlohmann::json;

Background Background::start(const std::string& name, std::chrono::milliseconds deadline,
                             const std::function<json()>& work) {
  Background out;
  out.until_ = Clock::now() + deadline;
  auto helper = HelperProcess::start(name, [&work](int request_fd, int reply_fd) {
    const auto bytes = json::to_cbor(work());
    answer_requests([&bytes](std::string_view /*request*/) {
      return std::string(bytes.begin(), bytes.end());
    })(request_fd, reply_fd);
  });
  if (helper) {
    out.helper_.emplace(std::move(*helper));
  } else {
    out.failed_ = helper.error();
  }
  return out;
}

Result<json> Background::answer(const std::function<bool()>& interrupted) {
  if (!helper_) return failed_.value_or(Error{"its helper process has been asked already"});
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - Clock::now());
  // An answer that is there already is taken also when the time is over.
  constexpr std::chrono::milliseconds kLeast{10};
  auto bytes = helper_->ask("answer", std::max(left, kLeast), interrupted);
  helper_.reset();
  if (!bytes) return bytes.error();
  auto reply = json::from_cbor(*bytes, true, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Error{"its helper's answer can't be read"};
  return reply;
}

}  // namespace vmleak
