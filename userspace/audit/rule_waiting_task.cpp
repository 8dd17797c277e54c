// SPDX-License-Identifier: Apache-2.0
// Tasks that hang in the kernel over a device: a removal that waits for the
// device's last user, a reset or a driver that does not come back.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "audit/holders.h"
#include "audit/owner.h"
#include "audit/past_use.h"
#include "audit/recorded.h"
#include "audit/rules.h"
#include "audit/stability.h"
#include "audit/waiting.h"
#include "audit/wording.h"

namespace vmleak {
namespace {

constexpr std::size_t kChains = 32;

bool waits_the_same(const Sample& sample, const WaitingTask& task) {
  const auto& tasks = sample.book().waiting_tasks;
  return std::any_of(tasks.begin(), tasks.end(), [&task](const WaitingTask& other) {
    return other.tid == task.tid && other.wait == task.wait && other.device == task.device;
  });
}

void add_evidence_of(const WaitingTask& task, Finding& finding) {
  finding.evidence.push_back({"waiting task", describe(task)});
  for (const auto& frame : task.stack) finding.evidence.push_back({"stack", frame});
}

Finding make_finding(const AuditContext& context, const WaitingTask& task) {
  const auto& sample = context.now();
  const auto stability =
      observe(context, [&](const Sample& then) { return waits_the_same(then, task); });
  Finding out;
  out.verdict = stability.settled ? Verdict::kHeld : Verdict::kInconclusive;
  if (task.since_ns != 0) out.since = rfc3339(task.since_ns);
  const auto device = vfio_device_of(sample.graph, task.device);
  // Whoever began the removal; a later writer of its "remove" waits as well.
  if (const auto* removal = removal_of(sample, device);
      removal != nullptr && task.wait == KernelWait::kVfioUnregister) {
    out.since = rfc3339(removal->task.time_ns);
  }
  if (task.device.empty()) {
    out.object = {"process", std::to_string(task.pid), fmt::format("{} {}", task.comm, task.pid)};
  } else if (device == kNoNode) {
    out.object = {"pci_device", task.device, task.device};
  } else {
    out.object = object_ref(sample.graph.node(device));
    out.owner = owner_of(sample, device);
    out.counters = counter_balances(sample, device);
    out.holders = holder_chains(sample, device, kChains);
  }
  if (!task.device.empty()) out.impact.devices = {task.device};
  add_evidence_of(task, out);
  out.evidence.push_back({"samples", describe(stability, context)});
  return out;
}

bool is_covered(std::span<const Finding> others, const std::string& address) {
  return std::any_of(others.begin(), others.end(), [&address](const Finding& finding) {
    const auto& devices = finding.impact.devices;
    return std::find(devices.begin(), devices.end(), address) != devices.end();
  });
}

std::string device_text(const WaitingTask& task) {
  return task.device.empty() ? std::string("a device") : task.device;
}

std::vector<Finding> find_hung(const AuditContext& context, KernelWait wait,
                               std::string_view what) {
  std::vector<Finding> findings;
  for (const auto& task : context.now().book().waiting_tasks) {
    if (task.wait != wait || task.state != "D") continue;
    auto finding = make_finding(context, task);
    const auto same = std::find_if(findings.begin(), findings.end(), [&](const Finding& other) {
      return other.object.id == finding.object.id;
    });
    if (same != findings.end()) {
      // A task that waits for another one that is in the driver, say.
      add_evidence_of(task, *same);
      continue;
    }
    finding.summary = fmt::format("{} of {} hangs: {}", what, device_text(task), describe(task));
    finding.impact.text = "the device can't be bound, unbound or reset meanwhile";
    finding.remedies.push_back(
        {"wait for it; a task in state D can't be killed, and if the device "
         "never answers only a power cycle helps",
         "high",
         false,
         {},
         ""});
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace

std::vector<Finding> find_blocked_removals(const AuditContext& context,
                                           std::span<const Finding> others) {
  std::vector<Finding> findings;
  std::set<std::string> seen;
  for (const auto& task : context.now().book().waiting_tasks) {
    // Where the device's user is gone, that finding tells of this task as well.
    if (task.wait != KernelWait::kVfioUnregister || is_covered(others, task.device)) continue;
    auto finding = make_finding(context, task);
    if (!seen.insert(finding.object.id).second) continue;
    for (auto& line : evidence_of_removals(context, {task.device})) {
      finding.evidence.push_back(std::move(line));
    }
    finding.summary = fmt::format("removal of {} hangs until its user closes it: {}",
                                  device_text(task), describe(task));
    finding.impact.text = blocks_all_pci(context.now(), task.device)
                              ? "all hot-plug of PCI devices on this host waits"
                              : "the device can't be bound, unbound or reset";
    finding.remedies.push_back({"stop its user, or wait until it stops", "medium", false, {}, ""});
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> find_hung_resets(const AuditContext& context,
                                      std::span<const Finding> /*others*/) {
  return find_hung(context, KernelWait::kReset, "reset");
}

std::vector<Finding> find_hung_drivers(const AuditContext& context,
                                       std::span<const Finding> /*others*/) {
  return find_hung(context, KernelWait::kDriver, "driver");
}

}  // namespace vmleak
