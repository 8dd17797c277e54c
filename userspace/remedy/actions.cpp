// SPDX-License-Identifier: Apache-2.0
#include "remedy/actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/wording.h"
#include "base/pci_address.h"
#include "remedy/holder.h"

namespace vmleak {
namespace {

constexpr std::array kActions = std::to_array<Action>({
    {ActionKind::kFinish, "finish", "do the open steps of an interrupted run", false,
     "not needed: it only completes what was begun"},
    {ActionKind::kClearOverride, "clear-override", "take a driver_override back that a VM has left",
     false, "write the driver's name to driver_override again"},
    {ActionKind::kCloseHolder, "close-holder", "end the processes that hold it", true,
     "can't be undone: start what was ended again"},
    {ActionKind::kRebind, "rebind", "give it back to the host's driver", false,
     "virsh nodedev-detach gives it to vfio-pci again"},
    {ActionKind::kReset, "reset", "reset the device", true, "can't be undone"},
    {ActionKind::kVendorReset, "vendor-reset", "reset the device with its vendor's tool", true,
     "can't be undone"},
    {ActionKind::kRemoveRescan, "remove-rescan",
     "unbind it, take it off the PCI bus and scan the bus for it", false,
     "not needed: it comes back; if a scan misses it, a reboot finds it"},
});

struct Cure {
  Situation situation;
  std::string_view action;  // empty: nothing does
  std::string_view text;
};

// Measured on Linux 6.1 and 6.12: a group or container file does not hinder an
// unbind, and the group comes back with a new, free node; an unbind while a
// device file is out waits for ever and can't be killed.
constexpr std::array kCures = std::to_array<Cure>({
    {Situation::kInterrupted, "finish", "an earlier run has left open steps"},
    {Situation::kInUse, "", "it is in use; shut its VM down instead"},
    {Situation::kReleasing, "", "it is still being given back; wait for that"},
    {Situation::kDeviceHeld, "close-holder",
     "a process has a file of the device: an unbind or removal would block for ever and could not "
     "be killed, so its holder has to close it"},
    {Situation::kHeld, "close-holder", "a process holds what its VM has left"},
    {Situation::kDeviceLeaked, "",
     "a file of the device is out and nobody is seen to hold it: an unbind or removal would block "
     "for ever and could not be killed; only a reboot gives it back"},
    {Situation::kGroupLeaked, "remove-rescan",
     "the kernel kept a file of the group: the group comes back free when the device is removed "
     "and found again"},
    {Situation::kKernelKept, "", "only the kernel keeps it: only a reboot gives it back"},
    {Situation::kOnVfio, "rebind", "it is idle and on a vfio driver"},
    {Situation::kUnbound, "rebind", "it is idle and has no driver"},
    {Situation::kOverrideLeft, "clear-override",
     "it is on a driver of the host, with a driver_override that takes it away at the next bind"},
    {Situation::kOnHostDriver, "", "it is not on a vfio driver: there is nothing to give back"},
});

const Cure& cure_row(Situation situation) {
  return *std::find_if(kCures.begin(), kCures.end(),
                       [situation](const Cure& row) { return row.situation == situation; });
}

void expect(Plan& plan, const PciFunction& function, std::string_view driver, bool native) {
  plan.expected.push_back(
      {function.address, function.vendor, function.device, std::string(driver), native});
}

// It goes to the host's driver.  The module is loaded only when that driver
// had the device before.
void add_return_to_host(const Subject& subject, const PciFunction& function, Plan& plan) {
  plan.steps.push_back(override_step(function.address, ""));
  const auto driver = native_driver_evidence(subject, function);
  if (!driver.empty()) plan.steps.push_back(load_module_step(driver));
  plan.steps.push_back(probe_step(function.address));
  plan.steps.push_back(expect_native_step(function.address));
  expect(plan, function, "", true);
}

// It goes back to the driver it was on.
void add_return_to_driver(const PciFunction& function, Plan& plan) {
  if (!function.driver_override.empty()) {
    plan.steps.push_back(override_step(function.address, function.driver_override));
    plan.steps.push_back(unbind_other_step(function.address, function.driver));
  }
  if (!function.driver.empty()) {
    plan.steps.push_back(probe_step(function.address));
    plan.steps.push_back(expect_driver_step(function.address, function.driver));
  }
  expect(plan, function, function.driver, false);
}

void add_unbind(const PciFunction& function, Plan& plan) {
  plan.devices.push_back(function.address);
  if (!function.virtual_functions.empty()) plan.steps.push_back(vf_count_step(function.address, 0));
  if (function.driver.empty()) return;
  plan.steps.push_back(unbind_step(function.address, function.driver));
  plan.steps.push_back(expect_driver_step(function.address, ""));
}

void add_virtual_functions(const PciFunction& function, Plan& plan) {
  const auto count = function.virtual_functions.size();
  if (count != 0) plan.steps.push_back(vf_count_step(function.address, count));
}

void add_rebind(const Subject& subject, Plan& plan) {
  for (const auto* function : acted_functions(subject)) {
    add_unbind(*function, plan);
    add_return_to_host(subject, *function, plan);
    add_virtual_functions(*function, plan);
  }
}

void add_remove_rescan(const Subject& subject, Plan& plan) {
  const auto functions = acted_functions(subject);
  for (const auto* function : functions) add_unbind(*function, plan);
  // Only when all are free: a removal that blocks also blocks the host's bus.
  for (const auto* function : functions) plan.steps.push_back(remove_step(function->address));
  std::vector<std::string> bridges;
  for (const auto* function : functions) {
    if (std::find(bridges.begin(), bridges.end(), function->upstream_bridge) != bridges.end()) {
      continue;
    }
    bridges.push_back(function->upstream_bridge);
    plan.steps.push_back(rescan_step(function->upstream_bridge));
  }
  for (const auto* function : functions) {
    plan.steps.push_back(await_device_step(function->address, function->vendor, function->device));
    belongs_to_host(subject, *function) ? add_return_to_host(subject, *function, plan)
                                        : add_return_to_driver(*function, plan);
    add_virtual_functions(*function, plan);
  }
}

void add_clear_override(const Subject& subject, Plan& plan) {
  for (const auto* function : overridden_functions(subject)) {
    plan.devices.push_back(function->address);
    plan.steps.push_back(override_step(function->address, ""));
    expect(plan, *function, function->driver, false);
  }
}

void add_reset(const Subject& subject, Plan& plan) {
  for (const auto* function : acted_functions(subject)) {
    plan.devices.push_back(function->address);
    plan.steps.push_back(reset_step(function->address, function->reset_methods));
    expect(plan, *function, function->driver, false);
  }
}

void add_vendor_reset(const Subject& subject, Plan& plan) {
  for (const auto& address : subject.target.addresses) {
    const auto* function = subject.find(address);
    if (function == nullptr) continue;
    plan.devices.push_back(address);
    plan.steps.push_back(run_step({subject.options.nvidia_smi, "--gpu-reset", "-i", address}));
    expect(plan, *function, function->driver, false);
  }
}

void add_close_holder(const Subject& subject, Plan& plan) {
  for (const auto holder : subject.holders) {
    const auto& facts = facts_of<ProcessFacts>(subject.graph().node(holder));
    const auto who = holder_text(subject, holder);
    for (const auto* signal : {"TERM", "KILL"}) {
      plan.steps.push_back(signal_step(facts.pid, facts.start_time_ns, who, signal));
      plan.steps.push_back(await_exit_step(facts.pid, facts.start_time_ns, who, signal));
    }
    plan.risk = std::max(plan.risk, risk_of_ending(subject, holder));
  }
  // Whoever waited for the holder may move the device meanwhile: libvirt gives a
  // managed one back to its driver.
  for (const auto* function : subject.unit) expect(plan, *function, "", false);
}

// A group whose file leaked in the kernel is open, and nobody can use that file.
void add_guarded_groups(const Subject& subject, Plan& plan) {
  if (plan.devices.empty()) return;
  for (const auto* function : subject.unit) {
    const auto number = function->iommu_group;
    const bool is_open =
        std::any_of(subject.open_groups.begin(), subject.open_groups.end(), [&](NodeIndex group) {
          return facts_of<VfioGroupFacts>(subject.graph().node(group)).number == number;
        });
    auto& groups = plan.guarded_groups;
    const bool known = std::find(groups.begin(), groups.end(), number) != groups.end();
    if (number >= 0 && is_vfio_driver(function->driver) && !is_open && !known) {
      groups.push_back(number);
    }
  }
}

void add_finish(const Subject& subject, Plan& plan) {
  if (subject.unfinished == nullptr) return;
  plan.finishes = subject.unfinished->run;
  plan.devices = subject.unfinished->devices;
  plan.steps = subject.unfinished->open_steps;
  plan.expected = subject.unfinished->expected;
}

}  // namespace

std::span<const Action> actions() { return kActions; }

const Action* find_action(std::string_view name) {
  const auto* row = std::find_if(kActions.begin(), kActions.end(),
                                 [name](const Action& action) { return action.name == name; });
  return row == kActions.end() ? nullptr : row;
}

const Action* cure_for(Situation situation) { return find_action(cure_row(situation).action); }

std::string situation_text(const Subject& subject) {
  const auto text = std::string(cure_row(subject.situation).text);
  if (subject.situation != Situation::kInterrupted) return text;
  const auto& run = *subject.unfinished;
  return fmt::format("{}: {} of {}, {}", text, run.action, rfc3339(run.time_ns), run.why);
}

void add_steps(const Subject& subject, const Action& action, Plan& plan) {
  switch (action.kind) {
    case ActionKind::kFinish:
      add_finish(subject, plan);
      break;
    case ActionKind::kClearOverride:
      add_clear_override(subject, plan);
      break;
    case ActionKind::kCloseHolder:
      add_close_holder(subject, plan);
      break;
    case ActionKind::kRebind:
      add_rebind(subject, plan);
      break;
    case ActionKind::kReset:
      add_reset(subject, plan);
      break;
    case ActionKind::kVendorReset:
      add_vendor_reset(subject, plan);
      break;
    case ActionKind::kRemoveRescan:
      add_remove_rescan(subject, plan);
      break;
  }
  add_guarded_groups(subject, plan);
}

}  // namespace vmleak
