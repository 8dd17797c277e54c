// SPDX-License-Identifier: Apache-2.0
#include "executor/step_actions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>

#include "base/pci_address.h"
#include "executor/process_handle.h"
#include "executor/program.h"
#include "model/pci.h"

namespace vmleak {
namespace {

using std::chrono::milliseconds;

// Of what is not over when a write returns: a driver that probes in the
// background, a device that settles.
constexpr milliseconds kPatience{10'000};
constexpr milliseconds kPause{20};

struct Place {
  const HostRoot& root;
  const Sysfs& sysfs;
};

// ---- devices ----

std::string device_path(const PlanStep& step, std::string_view name = {}) {
  return fmt::format("bus/pci/devices/{}{}{}", step.address, name.empty() ? "" : "/", name);
}

bool is_there(const Place& at, const PlanStep& step) { return at.sysfs.exists(device_path(step)); }

std::string driver_of(const Place& at, const PlanStep& step) {
  return at.sysfs.link_name(device_path(step, "driver"));
}

std::string override_of(const Place& at, const PlanStep& step) {
  const auto text = at.sysfs.read(device_path(step, "driver_override"));
  return !text || *text == "(null)" ? std::string() : *text;
}

std::string identity_of(const Place& at, const PlanStep& step) {
  const auto id = [&](std::string_view name) {
    auto text = at.sysfs.read(device_path(step, name));
    return text && text->starts_with("0x") ? text->substr(2) : std::string("?");
  };
  return id("vendor") + ":" + id("device");
}

std::string driver_state(const Place& at, const PlanStep& step) {
  if (!is_there(at, step)) return "not there";
  const auto driver = driver_of(at, step);
  return driver.empty() ? "no driver" : "on " + driver;
}

std::string override_state(const Place& at, const PlanStep& step) {
  if (!is_there(at, step)) return "not there";
  const auto text = override_of(at, step);
  return text.empty() ? "no driver_override" : "driver_override " + text;
}

std::string presence_state(const Place& at, const PlanStep& step) {
  return is_there(at, step)
             ? fmt::format("there as {}, {}", identity_of(at, step), driver_state(at, step))
             : "not there";
}

// The link to the driver goes when an unbind begins.  What ends with it is the
// hold on the device's lock, which reading this attribute takes: it waits as
// long as the driver's remove() does.
void await_device_lock(const Place& at, const PlanStep& step) {
  static_cast<void>(at.sysfs.read(device_path(step, "driver_override")));
}

bool has_no_driver(const Place& at, const PlanStep& step) {
  await_device_lock(at, step);
  return is_there(at, step) && driver_of(at, step).empty();
}

bool has_driver(const Place& at, const PlanStep& step) { return !driver_of(at, step).empty(); }

bool is_on_value_or_none(const Place& at, const PlanStep& step) {
  const auto driver = driver_of(at, step);
  return is_there(at, step) && (driver.empty() || driver == step.value);
}

bool is_on_value(const Place& at, const PlanStep& step) {
  if (step.value.empty()) return has_no_driver(at, step);
  return is_there(at, step) && driver_of(at, step) == step.value;
}

bool is_on_native(const Place& at, const PlanStep& step) {
  const auto driver = driver_of(at, step);
  return !driver.empty() && driver != "pci-stub" && !is_vfio_driver(driver);
}

bool has_override(const Place& at, const PlanStep& step) {
  return is_there(at, step) && override_of(at, step) == step.value;
}

bool is_absent(const Place& at, const PlanStep& step) { return !is_there(at, step); }

bool is_back(const Place& at, const PlanStep& step) {
  return is_there(at, step) && identity_of(at, step) == step.value;
}

std::string must_be_there(const Place& at, const PlanStep& step) {
  return is_there(at, step) ? "" : step.address + " is not there";
}

std::string must_be_on_value(const Place& at, const PlanStep& step) {
  if (auto why = must_be_there(at, step); !why.empty()) return why;
  const auto driver = driver_of(at, step);
  return driver == step.value
             ? ""
             : fmt::format("{} is on {}, not on {}", step.address, driver, step.value);
}

// A removal under a driver that waits would stop all hot-plug of the host.
std::string must_have_no_driver(const Place& at, const PlanStep& step) {
  if (auto why = must_be_there(at, step); !why.empty()) return why;
  await_device_lock(at, step);
  const auto driver = driver_of(at, step);
  return driver.empty()
             ? ""
             : fmt::format("{} is on {}: it is never removed under a driver", step.address, driver);
}

Status unbind(const Place& at, const PlanStep& step) {
  return at.sysfs.write(fmt::format("bus/pci/drivers/{}/unbind", step.value), step.address);
}

Status unbind_other(const Place& at, const PlanStep& step) {
  return at.sysfs.write(fmt::format("bus/pci/drivers/{}/unbind", driver_of(at, step)),
                        step.address);
}

Status write_override(const Place& at, const PlanStep& step) {
  // A line without a name takes the override back.
  return at.sysfs.write(device_path(step, "driver_override"), step.value + "\n");
}

Status probe(const Place& at, const PlanStep& step) {
  return at.sysfs.write("bus/pci/drivers_probe", step.address);
}

Status remove(const Place& at, const PlanStep& step) {
  return at.sysfs.write(device_path(step, "remove"), "1");
}

Status reset(const Place& at, const PlanStep& step) {
  return at.sysfs.write(device_path(step, "reset"), "1");
}

Status rescan(const Place& at, const PlanStep& step) {
  return at.sysfs.write(
      step.address.empty() ? std::string("bus/pci/rescan") : device_path(step, "rescan"), "1");
}

std::string rescan_state(const Place& at, const PlanStep& step) {
  return step.address.empty() ? std::string("ready") : driver_state(at, step);
}

std::string vf_count(const Place& at, const PlanStep& step) {
  const auto text = at.sysfs.read(device_path(step, "sriov_numvfs"));
  return text ? *text : std::string("?");
}

bool has_vf_count(const Place& at, const PlanStep& step) {
  return vf_count(at, step) == step.value;
}

std::string vf_state(const Place& at, const PlanStep& step) {
  return vf_count(at, step) + " virtual functions";
}

Status write_vf_count(const Place& at, const PlanStep& step) {
  return at.sysfs.write(device_path(step, "sriov_numvfs"), step.value);
}

// ---- modules and programs ----

std::string module_path(const PlanStep& step) {
  auto name = step.value;
  std::replace(name.begin(), name.end(), '-', '_');
  return "module/" + name;
}

bool is_loaded(const Place& at, const PlanStep& step) { return at.sysfs.exists(module_path(step)); }

std::string module_state(const Place& at, const PlanStep& step) {
  return is_loaded(at, step) ? "loaded" : "not loaded";
}

Status load_module(const Place& at, const PlanStep& step) {
  for (const auto* modprobe : {"/usr/sbin/modprobe", "/sbin/modprobe"}) {
    if (at.root.open(modprobe, O_PATH)) return run_program({modprobe, "--", step.value});
  }
  return Error{fmt::format("load module {}: modprobe is not installed", step.value)};
}

Status run(const Place& /*at*/, const PlanStep& step) { return run_program(step.argv); }

// ---- processes ----

Result<std::optional<ProcessHandle>> process_of(const Place& at, const PlanStep& step) {
  return ProcessHandle::open(at.root, step.pid, step.start_time_ns);
}

bool is_gone(const Place& at, const PlanStep& step) {
  const auto process = process_of(at, step);
  return process && (!*process || (*process)->has_ended());
}

std::string process_state(const Place& at, const PlanStep& step) {
  const auto process = process_of(at, step);
  if (!process) return process.error().message;
  return !*process || (*process)->has_ended() ? "gone" : (*process)->state(at.root);
}

Status signal_process(const Place& at, const PlanStep& step) {
  const auto process = process_of(at, step);
  if (!process) return process.error();
  if (!*process) return {};
  return (*process)->send(step.value == "KILL" ? SIGKILL : SIGTERM);
}

Status await_exit(const Place& at, const PlanStep& step) {
  const auto process = process_of(at, step);
  if (!process) return process.error();
  if (!*process || (*process)->has_ended(kPatience)) return {};
  // After SIGTERM that is no failure: SIGKILL follows.
  if (step.value == "TERM") return {};
  return Error{fmt::format("process {} does not end: {}", step.pid, (*process)->state(at.root))};
}

// ---- all kinds ----

std::string nothing_known(const Place& /*at*/, const PlanStep& /*step*/) { return ""; }
bool never_done(const Place& /*at*/, const PlanStep& /*step*/) { return false; }
std::string no_objection(const Place& /*at*/, const PlanStep& /*step*/) { return ""; }

using enum StepKind;

struct Row {
  StepKind kind;
  std::string (*state)(const Place&, const PlanStep&);
  bool (*is_done)(const Place&, const PlanStep&);
  std::string (*why_not)(const Place&, const PlanStep&);
  Status (*act)(const Place&, const PlanStep&);  // nullptr: waits for is_done
};

constexpr std::array kRows = std::to_array<Row>({
    {kSignal, process_state, is_gone, no_objection, signal_process},
    {kAwaitExit, process_state, is_gone, no_objection, await_exit},
    {kUnbind, driver_state, has_no_driver, must_be_on_value, unbind},
    {kUnbindOther, driver_state, is_on_value_or_none, must_be_there, unbind_other},
    {kExpectDriver, driver_state, is_on_value, no_objection, nullptr},
    {kExpectNative, driver_state, is_on_native, no_objection, nullptr},
    {kOverride, override_state, has_override, must_be_there, write_override},
    {kLoadModule, module_state, is_loaded, no_objection, load_module},
    {kProbe, driver_state, has_driver, must_be_there, probe},
    {kRemove, driver_state, is_absent, must_have_no_driver, remove},
    {kRescan, rescan_state, never_done, no_objection, rescan},
    {kAwaitDevice, presence_state, is_back, no_objection, nullptr},
    {kReset, driver_state, never_done, must_be_there, reset},
    {kVfCount, vf_state, has_vf_count, must_be_there, write_vf_count},
    {kRun, nothing_known, never_done, no_objection, run},
});

const Row& row_of(StepKind kind) {
  return *std::find_if(kRows.begin(), kRows.end(),
                       [kind](const Row& row) { return row.kind == kind; });
}

// Steps come from a journal as well: what names a file is checked again.
Status check_names(const PlanStep& step) {
  if (!step.address.empty() && canonical_pci_address(step.address) != step.address) {
    return Error{fmt::format("{}: \"{}\" is no PCI address", to_string(step.kind), step.address)};
  }
  const bool names_file =
      step.kind == kUnbind || step.kind == kOverride || step.kind == kLoadModule;
  if (names_file && (step.value.find('/') != std::string::npos || step.value.starts_with('.'))) {
    return Error{fmt::format("{}: \"{}\" is no name", to_string(step.kind), step.value)};
  }
  return {};
}

}  // namespace

StepLook look_at_step(const HostRoot& root, const Sysfs& sysfs, const PlanStep& step) {
  if (auto names = check_names(step); !names) return {"", false, names.error().message};
  const Place at{root, sysfs};
  const auto& row = row_of(step.kind);
  return {row.state(at, step), row.is_done(at, step), row.why_not(at, step)};
}

Status do_step(const HostRoot& root, const Sysfs& sysfs, const PlanStep& step) {
  if (auto names = check_names(step); !names) return names;
  const Place at{root, sysfs};
  const auto& row = row_of(step.kind);
  if (row.act != nullptr) return row.act(at, step);
  for (milliseconds waited{0}; waited < kPatience; waited += kPause) {
    if (row.is_done(at, step)) return {};
    ::poll(nullptr, 0, static_cast<int>(kPause.count()));
  }
  return Error{fmt::format("{} is {} after {} s", step.address, row.state(at, step),
                           kPatience.count() / 1000)};
}

bool hands_over(StepKind kind) {
  return kind == kProbe || kind == kRemove || kind == kLoadModule || kind == kRun;
}

}  // namespace vmleak
