// SPDX-License-Identifier: Apache-2.0
#include "executor/host_hands.h"

#include <fmt/format.h>

#include <utility>

#include "executor/step_actions.h"
#include "host/background.h"

namespace vmleak {
namespace {

using nlohmann::json;

// Of a look.  It waits for the device's lock: one that takes longer is stuck.
constexpr std::chrono::seconds kLookDeadline{5};
// What a step that waits by itself may take beyond the deadline of a write.
constexpr std::chrono::seconds kWaitAllowance{15};

json failure(const Error& error) { return {{"error", error.message}, {"code", error.code}}; }

Status status_from(const json& reply) {
  if (!reply.contains("error")) return {};
  return Error{reply["error"].get<std::string>(), reply["code"].get<int>()};
}

json look_work(const HostRoot& root, const PlanStep& step) {
  const auto sysfs = Sysfs::open(root);
  if (!sysfs) return failure(sysfs.error());
  const auto look = look_at_step(root, *sysfs, step);
  return {{"state", look.state}, {"done", look.done}, {"why_not", look.why_not}};
}

json act_work(const HostRoot& root, const PlanStep& step) {
  const auto sysfs = Sysfs::open(root);
  if (!sysfs) return failure(sysfs.error());
  const auto acted = do_step(root, *sysfs, step);
  // ETIMEDOUT of a write is the device's own word and no step that still runs.
  if (!acted) return failure({acted.error().message, 0});
  return json::object();
}

}  // namespace

Status HostHands::guard(const std::vector<std::int64_t>& groups) {
  guard_.reset();
  if (groups.empty()) return {};
  auto guard = GroupGuard::take(root_, groups, kLookDeadline);
  if (!guard) return guard.error();
  guard_.emplace(*std::move(guard));
  return {};
}

Result<StepLook> HostHands::look(const PlanStep& step) {
  const auto what = step.address.empty() ? std::string(to_string(step.kind)) : step.address;
  auto work =
      Background::start("look at " + what, kLookDeadline, [&] { return look_work(root_, step); });
  const auto reply = work.answer({});
  if (!reply) return reply.error();
  if (auto status = status_from(*reply); !status) return status.error();
  return StepLook{(*reply)["state"].get<std::string>(), (*reply)["done"].get<bool>(),
                  (*reply)["why_not"].get<std::string>()};
}

Status HostHands::act(const PlanStep& step) {
  if (hands_over(step.kind)) guard_.reset();
  const auto deadline = changes_something(step.kind)
                            ? deadline_
                            : std::chrono::duration_cast<std::chrono::milliseconds>(kWaitAllowance);
  auto work = Background::start(std::string(to_string(step.kind)), deadline,
                                [&] { return act_work(root_, step); });
  // Not interrupted by Ctrl-C: a step that has begun is waited for.
  const auto reply = work.answer({});
  return reply ? status_from(*reply) : reply.error();
}

Status HostHands::try_open(const std::string& pci_address) {
  return try_open_group(root_, pci_address, kLookDeadline);
}

}  // namespace vmleak
