// SPDX-License-Identifier: Apache-2.0
#include "remedy/step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "model/names.h"

namespace vmleak {
namespace {

using enum StepKind;

constexpr NameTable<StepKind, 15> kStepKinds{{
    {kSignal, "signal"},
    {kAwaitExit, "await-exit"},
    {kUnbind, "unbind"},
    {kUnbindOther, "unbind-other"},
    {kExpectDriver, "expect-driver"},
    {kExpectNative, "expect-native"},
    {kOverride, "override"},
    {kLoadModule, "load-module"},
    {kProbe, "probe"},
    {kRemove, "remove"},
    {kRescan, "rescan"},
    {kAwaitDevice, "await-device"},
    {kReset, "reset"},
    {kVfCount, "vf-count"},
    {kRun, "run"},
}};

PlanStep device_step(StepKind kind, std::string_view address, std::string_view value,
                     std::string text) {
  return {kind, std::string(address), std::string(value), {}, 0, 0, std::move(text)};
}

PlanStep process_step(StepKind kind, std::int64_t pid, std::uint64_t start_time_ns,
                      std::string_view value, std::string text) {
  return {kind, {}, std::string(value), {}, pid, start_time_ns, std::move(text)};
}

}  // namespace

std::string_view to_string(StepKind kind) { return name_of(kStepKinds, kind); }

bool changes_something(StepKind kind) {
  return kind != kAwaitExit && kind != kExpectDriver && kind != kExpectNative &&
         kind != kAwaitDevice;
}

void to_json(nlohmann::json& json, const PlanStep& step) {
  json = {{"kind", to_string(step.kind)},
          {"address", step.address},
          {"value", step.value},
          {"argv", step.argv},
          {"pid", step.pid},
          {"start_time_ns", step.start_time_ns},
          {"text", step.text}};
}

void from_json(const nlohmann::json& json, PlanStep& step) {
  read_name(kStepKinds, json.at("kind"), step.kind);
  json.at("address").get_to(step.address);
  json.at("value").get_to(step.value);
  json.at("argv").get_to(step.argv);
  json.at("pid").get_to(step.pid);
  json.at("start_time_ns").get_to(step.start_time_ns);
  json.at("text").get_to(step.text);
}

void to_json(nlohmann::json& json, const ExpectedFunction& expected) {
  json = {{"address", expected.address},
          {"vendor", expected.vendor},
          {"device", expected.device},
          {"driver", expected.driver},
          {"native", expected.native}};
}

void from_json(const nlohmann::json& json, ExpectedFunction& expected) {
  json.at("address").get_to(expected.address);
  json.at("vendor").get_to(expected.vendor);
  json.at("device").get_to(expected.device);
  json.at("driver").get_to(expected.driver);
  json.at("native").get_to(expected.native);
}

PlanStep unbind_step(std::string_view address, std::string_view driver) {
  return device_step(
      kUnbind, address, driver,
      fmt::format("unbind {}: write it to /sys/bus/pci/drivers/{}/unbind", address, driver));
}

PlanStep unbind_other_step(std::string_view address, std::string_view driver) {
  return device_step(
      kUnbindOther, address, driver,
      fmt::format("unbind {} if another driver than {} took it meanwhile", address, driver));
}

PlanStep expect_driver_step(std::string_view address, std::string_view driver) {
  return device_step(kExpectDriver, address, driver,
                     driver.empty() ? fmt::format("check that {} has no driver", address)
                                    : fmt::format("check that {} is on {}", address, driver));
}

PlanStep expect_native_step(std::string_view address) {
  return device_step(kExpectNative, address, "",
                     fmt::format("check that {} is on a driver of the host", address));
}

PlanStep override_step(std::string_view address, std::string_view driver) {
  const auto file = fmt::format("/sys/bus/pci/devices/{}/driver_override", address);
  return device_step(
      kOverride, address, driver,
      driver.empty() ? fmt::format("clear {}", file) : fmt::format("write {} to {}", driver, file));
}

PlanStep load_module_step(std::string_view module) {
  return device_step(kLoadModule, "", module,
                     fmt::format("load module {} if it is not loaded", module));
}

PlanStep probe_step(std::string_view address) {
  return device_step(kProbe, address, "",
                     fmt::format("let the kernel choose its driver: write {} to "
                                 "/sys/bus/pci/drivers_probe",
                                 address));
}

PlanStep remove_step(std::string_view address) {
  return device_step(kRemove, address, "",
                     fmt::format("write 1 to /sys/bus/pci/devices/{}/remove", address));
}

PlanStep rescan_step(std::string_view bridge) {
  return device_step(kRescan, bridge, "",
                     bridge.empty()
                         ? std::string("write 1 to /sys/bus/pci/rescan")
                         : fmt::format("write 1 to /sys/bus/pci/devices/{}/rescan", bridge));
}

PlanStep await_device_step(std::string_view address, std::uint16_t vendor, std::uint16_t device) {
  const auto identity = fmt::format("{:04x}:{:04x}", vendor, device);
  return device_step(kAwaitDevice, address, identity,
                     fmt::format("wait until {} is back as {}", address, identity));
}

PlanStep reset_step(std::string_view address, const std::vector<std::string>& methods) {
  return device_step(kReset, address, "",
                     fmt::format("write 1 to /sys/bus/pci/devices/{}/reset ({})", address,
                                 fmt::join(methods, ", then ")));
}

PlanStep vf_count_step(std::string_view address, std::size_t count) {
  return device_step(
      kVfCount, address, std::to_string(count),
      fmt::format("write {} to /sys/bus/pci/devices/{}/sriov_numvfs", count, address));
}

PlanStep run_step(std::vector<std::string> argv) {
  auto text = fmt::format("run {}", fmt::join(argv, " "));
  return {kRun, {}, {}, std::move(argv), 0, 0, std::move(text)};
}

PlanStep signal_step(std::int64_t pid, std::uint64_t start_time_ns, std::string_view who,
                     std::string_view signal) {
  return process_step(kSignal, pid, start_time_ns, signal,
                      signal == "KILL" ? fmt::format("send SIGKILL to {} if it is still there", who)
                                       : fmt::format("send SIG{} to {}", signal, who));
}

PlanStep await_exit_step(std::int64_t pid, std::uint64_t start_time_ns, std::string_view who,
                         std::string_view signal) {
  return process_step(kAwaitExit, pid, start_time_ns, signal,
                      fmt::format("wait at most 10 s until {} is gone", who));
}

}  // namespace vmleak
