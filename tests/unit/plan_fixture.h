// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "audit/audit.h"
#include "book_fixture.h"
#include "remedy/plan.h"

namespace vmleak::testing {

inline constexpr std::string_view kAddress = "0000:8a:00.0";

// On vfio-pci for a VM, nvidia had it before.
inline PciFunction gpu(std::string_view address = kAddress) {
  PciFunction function;
  function.address = address;
  function.class_code = 0x030200;
  function.vendor = 0x10de;
  function.device = 0x20b0;
  function.driver = "vfio-pci";
  function.driver_override = "vfio-pci";
  function.native_drivers = {"nvidia"};
  function.iommu_group = 42;
  function.upstream_bridge = "0000:80:01.0";
  function.reset_methods = {"flr", "bus"};
  function.driver_messages = {{"nvidia", 1, "probed"}};
  function.host_uses_known = true;
  return function;
}

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() { snapshot_.pci_functions = {gpu()}; }

  void walk(TestHost& host) {
    auto functions = std::move(snapshot_.pci_functions);
    snapshot_ = settled(host.book());
    snapshot_.coverage.tier = Tier::kSnapshot;
    snapshot_.pci_functions = std::move(functions);
  }
  Plan plan(const std::string& text = std::string(kAddress)) {
    const auto report = audit(snapshot_);
    const auto target = resolve_release_target(snapshot_, report, text, options_.unfinished);
    if (!target) {
      ADD_FAILURE() << target.error().message;
      return {};
    }
    return plan_release(snapshot_, report, *target, options_);
  }
  // Position of the first step of this kind, or -1.
  static int place(const Plan& plan, StepKind kind) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].kind == kind) return static_cast<int>(i);
    }
    return -1;
  }
  PciFunction& function() { return snapshot_.pci_functions.front(); }

  Snapshot snapshot_;
  PlanOptions options_;
};

class IdlePlan : public PlanTest {
 protected:
  IdlePlan() {
    TestHost host;
    host.idle_device(42, kAddress);
    walk(host);
  }
};

}  // namespace vmleak::testing
