// SPDX-License-Identifier: Apache-2.0
#include "host/waiting_tasks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "host/helper_chain.h"
#include "host/process_stat.h"
#include "host/sysfs_write.h"
#include "host/text.h"

namespace vmleak {
namespace {

// Where a task's write goes, and how that travels from the helper.
struct Answer {
  std::uint64_t started_ns = 0;       // CLOCK_BOOTTIME
  std::optional<SysfsTarget> target;  // of its write to a file of sysfs
};

constexpr std::string_view kPci = "pci";
constexpr std::string_view kOtherBus = "other";
constexpr std::string_view kNoWrite = "none";
constexpr std::string_view kFailed = "error";

std::uint64_t started_ns(const HostRoot& root, std::int64_t pid, std::int64_t tid) {
  const auto text = root.read(fmt::format("/proc/{}/task/{}/stat", pid, tid));
  const auto stat = text ? parse_task_stat(*text) : std::nullopt;
  if (!stat) return 0;
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return stat->start_ticks * (1'000'000'000 / per_second);
}

// "KIND START DEVICE", or "error CODE TEXT".
std::string answer(const HostRoot& root, std::string_view request) {
  const auto pid = to_number<std::int64_t>(next_word(request)).value_or(0);
  const auto tid = to_number<std::int64_t>(next_word(request)).value_or(0);
  const auto write = read_current_write(root, pid, tid);
  if (!write) return fmt::format("{} {} {}", kFailed, write.error().code, write.error().message);
  const auto target = *write ? target_of(**write) : std::nullopt;
  const auto kind = !target ? kNoWrite : target->is_pci ? kPci : kOtherBus;
  return fmt::format("{} {} {}", kind, started_ns(root, pid, tid), target ? target->device : "");
}

Result<Answer> parse_answer(std::string_view text) {
  const auto kind = next_word(text);
  const auto number = next_word(text);
  if (kind == kFailed) return Error{std::string(trim(text)), to_number<int>(number).value_or(EIO)};
  Answer out;
  out.started_ns = to_number<std::uint64_t>(number).value_or(0);
  if (kind != kNoWrite) out.target = SysfsTarget{kind == kPci, std::string(trim(text))};
  return out;
}

Loss unknown_device(const WaitingTask& task, const std::string& why) {
  return {fmt::format("the device that {} {} waits for: {}", task.comm, task.tid, why),
          1,
          {NodeKind::kVfioDevice}};
}

// The log's clock is not the one that starts of tasks are counted by.
constexpr std::uint64_t kClockSlack = 10'000'000'000;

bool is_since(const DeviceMessage& message, std::uint64_t started_ns) {
  return message.monotonic_ns + kClockSlack >= started_ns;
}

// The kernel's log names the task itself, once a signal has reached it.
bool is_about(const DeviceMessage& message, const WaitingTask& task) {
  return message.text.find(fmt::format("({}) blocked until device is released", task.tid)) !=
         std::string::npos;
}

// Said once when a wait begins.
bool begins_wait(const DeviceMessage& message) {
  return message.text.find("Relaying device request to user (#0)") != std::string::npos ||
         message.text.find("No device request channel registered") != std::string::npos;
}

bool has_frame(const WaitingTask& task, std::string_view prefix) {
  return std::any_of(task.stack.begin(), task.stack.end(),
                     [prefix](const auto& frame) { return frame.starts_with(prefix); });
}

// A driver probes a device on a CPU near it: in a worker, for which the task
// that wrote waits in work_on_cpu() or work_on_cpu_key().  Workers do not tell
// for whom they work, so this is known only while one task waits like that.
void add_devices_of_workers(std::vector<WaitingTask>& tasks) {
  const WaitingTask* waiting = nullptr;
  for (const auto& task : tasks) {
    if (!has_frame(task, "work_on_cpu")) continue;
    if (waiting != nullptr) return;
    waiting = &task;
  }
  if (waiting == nullptr) return;
  for (auto& task : tasks) {
    if (task.device.empty() && has_frame(task, "work_for_cpu_fn")) task.device = waiting->device;
  }
}

}  // namespace

void add_log(const std::vector<DeviceMessage>& messages, std::uint64_t boot_time_ns,
             std::uint64_t started_ns, WaitingTask& task) {
  if (task.wait != KernelWait::kVfioUnregister) return;
  const DeviceMessage* named = nullptr;
  for (const auto& message : messages) {
    if (is_since(message, started_ns) && is_about(message, task)) named = &message;
  }
  // A removal of a bridge waits for a device below it: the log knows which.
  if (named != nullptr) task.device = named->pci_address;
  if (task.device.empty()) return;
  const DeviceMessage* began = nullptr;
  for (const auto& message : messages) {
    if (message.pci_address == task.device && is_since(message, started_ns) &&
        begins_wait(message)) {
      began = &message;
    }
  }
  if (began == nullptr) began = named;
  if (began != nullptr) task.since_ns = boot_time_ns + began->monotonic_ns;
}

std::vector<WaitingTask> find_waited_devices(const HostRoot& root, std::vector<WaitingTask> tasks,
                                             std::uint64_t boot_time_ns,
                                             std::chrono::milliseconds deadline,
                                             const std::function<bool()>& interrupted,
                                             std::vector<Loss>& losses) {
  if (tasks.empty()) return tasks;
  HelperChain helpers(
      "reading what tasks write",
      [&root](std::string_view request) { return answer(root, request); },
      HelperChain::Clock::now() + deadline, interrupted);
  const auto messages = read_device_messages(root);
  std::vector<WaitingTask> found;
  for (auto& task : tasks) {
    auto reply = helpers.ask(fmt::format("{} {}", task.pid, task.tid));
    auto told = reply ? parse_answer(*reply) : Result<Answer>(reply.error());
    if (!told && is_gone(told.error())) continue;
    const bool other_bus = told && told->target && !told->target->is_pci;
    if (other_bus && task.wait == KernelWait::kDeviceLock) continue;
    if (told && told->target) task.device = told->target->device;
    if (messages) add_log(*messages, boot_time_ns, told ? told->started_ns : 0, task);
    if (!told && task.device.empty()) losses.push_back(unknown_device(task, told.error().message));
    found.push_back(std::move(task));
  }
  add_devices_of_workers(found);
  return found;
}

}  // namespace vmleak
