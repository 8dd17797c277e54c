// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak {

// What one step does.  A step whose end is reached already is skipped, so that
// a run which was cut can be gone through again.
enum class StepKind {
  kSignal,        // sends signal `value` ("TERM", "KILL") to `pid`; done when it is gone
  kAwaitExit,     // waits until `pid` is gone; when `value` is "TERM", for 10 s
  kUnbind,        // takes `address` from driver `value`; done when it has none
  kUnbindOther,   // takes it from any driver but `value`
  kExpectDriver,  // its driver is `value`; empty: none
  kExpectNative,  // it has a driver, and none of VFIO
  kOverride,      // its driver_override becomes `value`; empty: none
  kLoadModule,    // loads module `value`
  kProbe,         // looks for a driver; done when it has one
  kRemove,        // removes it from the bus; only without a driver
  kRescan,        // scans the bus of bridge `address`; empty: all buses
  kAwaitDevice,   // it is there, as `value`: "8086:10d3"
  kReset,         // resets it
  kVfCount,       // it has `value` virtual functions
  kRun,           // runs `argv`, without a shell
};

struct PlanStep {
  StepKind kind = StepKind::kExpectDriver;
  std::string address;  // PCI address
  std::string value;
  std::vector<std::string> argv;
  std::int64_t pid = 0;
  std::uint64_t start_time_ns = 0;  // of `pid`, since boot: tells it from a later one
  std::string text;                 // for people: what is written where
};

// How a function has to be afterwards.
struct ExpectedFunction {
  std::string address;
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::string driver;   // empty: any, or none
  bool native = false;  // a driver that is none of VFIO
};

// Whether the step changes anything, rather than looks or waits.
bool changes_something(StepKind kind);

std::string_view to_string(StepKind kind);
void to_json(nlohmann::json& json, const PlanStep& step);
void from_json(const nlohmann::json& json, PlanStep& step);
void to_json(nlohmann::json& json, const ExpectedFunction& expected);
void from_json(const nlohmann::json& json, ExpectedFunction& expected);

// "write 0000:8a:00.0 to /sys/bus/pci/drivers/vfio-pci/unbind", ...
PlanStep unbind_step(std::string_view address, std::string_view driver);
PlanStep unbind_other_step(std::string_view address, std::string_view driver);
PlanStep expect_driver_step(std::string_view address, std::string_view driver);
PlanStep expect_native_step(std::string_view address);
PlanStep override_step(std::string_view address, std::string_view driver);
PlanStep load_module_step(std::string_view module);
PlanStep probe_step(std::string_view address);
PlanStep remove_step(std::string_view address);
PlanStep rescan_step(std::string_view bridge);
PlanStep await_device_step(std::string_view address, std::uint16_t vendor, std::uint16_t device);
PlanStep reset_step(std::string_view address, const std::vector<std::string>& methods);
PlanStep vf_count_step(std::string_view address, std::size_t count);
PlanStep run_step(std::vector<std::string> argv);
PlanStep signal_step(std::int64_t pid, std::uint64_t start_time_ns, std::string_view who,
                     std::string_view signal);
PlanStep await_exit_step(std::int64_t pid, std::uint64_t start_time_ns, std::string_view who,
                         std::string_view signal);

}  // namespace vmleak
