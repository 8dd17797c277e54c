// SPDX-License-Identifier: Apache-2.0
#include "commands/arm_ledger.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "attach/attach_plan.h"
#include "attach/ledger_families.h"
#include "audit/wording.h"
#include "bpf/ledger.h"
#include "bpf/ledger_book.h"
#include "commands/ledger_kernel.h"
#include "commands/place.h"
#include "host/helper_process.h"
#include "host/host_root.h"

namespace vmleak {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Action = ArmOutcome::Action;

constexpr std::string_view kNohzFull = "/sys/devices/system/cpu/nohz_full";

// Attaching has its own deadline; loading, entering what exists and pinning come on top.
constexpr seconds kArmPatience{180};
constexpr seconds kDisarmPatience{120};

json failure(const Error& error) { return {{"error", error.message}, {"code", error.code}}; }

json done(Action action, const std::vector<std::string>& added = {}) {
  return {{"action", static_cast<int>(action)}, {"added", added}};
}

LedgerOptions ledger_options(const ArmOptions& options) {
  LedgerOptions ledger;
  if (options.capacity) ledger.capacity = *options.capacity;
  ledger.without = options.without;
  ledger.files = options.files;
  return ledger;
}

json arm_anew(const LedgerOptions& options, const LedgerKernel& kernel, Action action) {
  auto ledger = Ledger::attach(options, kernel);
  if (!ledger) return failure(ledger.error());
  if (auto armed = ledger->arm(); !armed) return failure(armed.error());
  return done(action);
}

json arm_in_helper(const ArmOptions& options) {
  const auto kernel = read_ledger_kernel(HostRoot());
  if (!kernel) return failure(kernel.error());
  const auto wanted = ledger_options(options);
  if (options.replace) {
    const auto removed = disarm_ledger();
    if (!removed) return failure(removed.error());
    return arm_anew(wanted, *kernel, removed->empty() ? Action::kArmed : Action::kReplaced);
  }
  auto armed = Ledger::open_armed(*kernel);
  if (!armed) return failure(armed.error());
  if (!*armed) return arm_anew(wanted, *kernel, Action::kArmed);
  const auto added = (*armed)->extend(wanted, *kernel);
  if (!added) return failure(added.error());
  return done(added->empty() ? Action::kUnchanged : Action::kExtended, *added);
}

json disarm_in_helper() {
  const auto removed = disarm_ledger();
  if (!removed) return failure(removed.error());
  return {{"removed", *removed}};
}

Result<json> run_in_helper(const std::string& name, const std::function<json()>& work,
                           seconds deadline, const std::function<bool()>& interrupted) {
  auto helper = HelperProcess::start(name, [&](int request_fd, int reply_fd) {
    answer_requests([&](std::string_view /*request*/) { return work().dump(); })(request_fd,
                                                                                 reply_fd);
  });
  if (!helper) return helper.error();
  const auto text = helper->ask("go", deadline, interrupted);
  if (!text) return text.error();
  auto reply = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Error{fmt::format("{}: the helper's answer is none", name)};
  if (reply.contains("error")) {
    return Error{reply["error"].get<std::string>(), reply["code"].get<int>()};
  }
  return reply;
}

// CLOCK_REALTIME of a moment of CLOCK_BOOTTIME.
std::uint64_t real_time_ns(std::uint64_t boot_ns) {
  const auto now = [](clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
  };
  return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME) + boot_ns;
}

std::vector<std::string> warnings_of(const HostRoot& root) {
  const auto cpus = root.read_value(kNohzFull);
  if (!cpus || cpus->empty() || *cpus == "(null)") return {};
  return {
      fmt::format("CPUs {} run without a tick (nohz_full): when one is busy, arming and "
                  "disarming wait for it",
                  *cpus)};
}

}  // namespace

std::vector<std::string> ledger_capability_names() {
  std::vector<std::string> names{"fentry", "kprobe"};
  for (const auto& family : ledger_families()) names.emplace_back(family.name);
  return names;
}

Result<ArmOutcome> arm_ledger(const ArmOptions& options) {
  if (auto place = check_place(HostRoot(), "arm the ledger"); !place) return place.error();
  const auto start = steady_clock::now();
  const auto reply = run_in_helper(
      "attaching of the ledger", [&] { return arm_in_helper(options); }, kArmPatience,
      options.interrupted);
  if (!reply) return reply.error();
  ArmOutcome outcome;
  outcome.action = static_cast<Action>((*reply)["action"].get<int>());
  outcome.added = (*reply)["added"].get<std::vector<std::string>>();
  outcome.seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  return outcome;
}

Result<std::optional<LedgerStatus>> ledger_status() {
  const HostRoot root;
  if (auto place = check_place(root, "read the ledger"); !place) return place.error();
  const auto kernel = read_ledger_kernel(root);
  if (!kernel) return kernel.error();
  const auto ledger = Ledger::open_armed(*kernel);
  if (!ledger) return ledger.error();
  if (!*ledger) return std::optional<LedgerStatus>();
  const auto records = (*ledger)->read();
  if (!records) return records.error();

  LedgerStatus status;
  status.armed_since = rfc3339(real_time_ns(records->meta.armed_ns));
  status.version = records->meta.version;
  status.vmleak = records->meta.vmleak;
  status.capacity = records->meta.capacity;
  status.entries = records->entries.size();
  const auto count_of = [&](vmleak_ledger_state state) {
    return static_cast<std::uint64_t>(
        std::count_if(records->entries.begin(), records->entries.end(),
                      [state](const auto& entry) { return entry.second.state == state; }));
  };
  status.preexisting = count_of(VMLEAK_ENTRY_PREEXISTING);
  status.forgotten = count_of(VMLEAK_ENTRY_FORGOTTEN);
  status.memory_bytes = (*ledger)->memory_bound();
  status.families = records->families;
  status.tier = ledger_tier(status.families);
  status.kept_modules = (*ledger)->kept_modules();
  status.losses = ledger_losses(*records, ledger_families());
  status.warnings = warnings_of(root);
  // The tier says so of every audit: nothing that one could lose.
  if (!records->counts_skipped) {
    status.warnings.emplace_back("this kernel does not count the calls that kprobes miss");
  }
  return std::optional(std::move(status));
}

Result<std::vector<std::string>> disarm_host(const std::function<bool()>& interrupted) {
  if (auto place = check_place(HostRoot(), "disarm the ledger"); !place) return place.error();
  const auto reply = run_in_helper("disarming", disarm_in_helper, kDisarmPatience, interrupted);
  if (!reply) return reply.error();
  return (*reply)["removed"].get<std::vector<std::string>>();
}

}  // namespace vmleak
