// SPDX-License-Identifier: Apache-2.0
// Devices that a VM had and that nobody put back: still on vfio-pci, still with
// a driver override, or without their driver.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "audit/parked.h"
#include "audit/past_use.h"
#include "audit/rules.h"
#include "audit/stability.h"
#include "audit/wording.h"
#include "base/pci_address.h"

namespace vmleak {
namespace {

bool parks_devices(std::string_view driver) {
  return is_vfio_driver(driver) || driver == "pci-stub";
}

std::string function_text(const PciFunction& function) {
  return function.name.empty() ? function.address : function.address + " " + function.name;
}

bool belong_together(const PciFunction& a, const PciFunction& b) {
  return pci_slot(a.address) == pci_slot(b.address) ||
         (a.iommu_group >= 0 && a.iommu_group == b.iommu_group);
}

// A device that another finding is about needs that one's cure first.
bool is_covered(std::span<const Finding> others, std::string_view address) {
  return std::any_of(others.begin(), others.end(), [address](const Finding& finding) {
    const auto& devices = finding.impact.devices;
    return finding.object.id == address ||
           std::find(devices.begin(), devices.end(), address) != devices.end();
  });
}

// How the rules below differ.
struct Leftover {
  bool (*applies)(const PciFunction& function);
  std::string (*summary)(const PciFunction& function, const Owner& owner);
  std::string (*impact)(const PciFunction& function);
};

Finding make_finding(const AuditContext& context, const PciFunction& function, const PastUse& use,
                     const Leftover& leftover, Evidence why) {
  const auto& graph = context.now().graph;
  const auto stability = observe(context, [&](const Sample& sample) {
    return !is_used_now(context, sample, function.address);
  });
  Finding out;
  out.verdict = stability.settled ? Verdict::kStale : Verdict::kInconclusive;
  const auto node = vfio_device_of(graph, function.address);
  out.object = node == kNoNode ? ObjectRef{"pci_device", function.address, function_text(function)}
                               : object_ref(graph.node(node));
  out.owner = owner_from(context, *use.last);
  if (use.last->ended_ns != 0) out.since = rfc3339(use.last->ended_ns);
  out.impact.devices = {function.address};
  out.impact.text = leftover.impact(function);
  out.evidence.push_back(evidence_of(*use.last));
  out.evidence.push_back(std::move(why));
  for (auto& line : evidence_of_others(use)) out.evidence.push_back(std::move(line));
  out.evidence.push_back({"samples", describe(stability, context)});
  out.remedies.push_back(
      {"give it back to its driver", "low", false, {}, "vmleak release " + function.address});
  out.summary = leftover.summary(function, *out.owner);
  return out;
}

std::string drivers_text(const PciFunction& function) {
  if (function.native_drivers.empty()) return "no driver of the host";
  return fmt::format("{}", fmt::join(function.native_drivers, " or "));
}

constexpr Leftover kStillOnVfio{
    [](const PciFunction& function) { return is_vfio_driver(function.driver); },
    [](const PciFunction& function, const Owner& owner) {
      return fmt::format("{} was not given back after {}: nobody uses it, and it is still on {}",
                         function_text(function), owner.name, function.driver);
    },
    [](const PciFunction& function) {
      return fmt::format("the host does not have it back on {}", drivers_text(function));
    }};

constexpr Leftover kOverrideLeft{
    [](const PciFunction& function) {
      return parks_devices(function.driver_override) && !parks_devices(function.driver);
    },
    [](const PciFunction& function, const Owner& owner) {
      return fmt::format("{} has driver_override={} left from {}: {}", function_text(function),
                         function.driver_override, owner.name,
                         function.driver.empty() ? "no driver of the host may take it"
                                                 : "it goes to that driver at the next bind");
    },
    [](const PciFunction& function) {
      return function.driver.empty() ? std::string("no driver has it")
                                     : "it is lost to " + function.driver + " at the next bind";
    }};

constexpr Leftover kUnbound{
    [](const PciFunction& function) {
      return function.driver.empty() && function.driver_override.empty() &&
             !function.native_drivers.empty();
    },
    [](const PciFunction& function, const Owner& owner) {
      return fmt::format("{} was left without a driver after {}: {} could have it",
                         function_text(function), owner.name, drivers_text(function));
    },
    [](const PciFunction& /*function*/) { return std::string("no driver has it"); }};

// The use that is over of a function that nobody uses now.
PastUse ended_use(const AuditContext& context, const PciFunction& function) {
  if (is_used_now(context, context.now(), function.address)) return {};
  return finished_use(context, function);
}

// The finished use of a function of the same slot or group, unless one of them
// is in use.
PastUse ended_use_of_companion(const AuditContext& context, const PciFunction& function) {
  PastUse found;
  for (const auto& other : context.snapshot.pci_functions) {
    if (&other == &function || !belong_together(function, other)) continue;
    if (is_used_now(context, context.now(), other.address)) return {};
    auto use = ended_use(context, other);
    if (use && (!found || use.last->started_ns > found.last->started_ns)) found = std::move(use);
  }
  return found;
}

template <class Use>
std::vector<Finding> find_leftovers(const AuditContext& context, std::span<const Finding> others,
                                    const Leftover& leftover, Use use_of) {
  std::vector<Finding> findings;
  for (const auto& function : context.snapshot.pci_functions) {
    if (!leftover.applies(function) || is_covered(others, function.address)) continue;
    const std::pair<PastUse, std::optional<Evidence>> use = use_of(function);
    if (!use.first || !use.second) continue;
    findings.push_back(make_finding(context, function, use.first, leftover, *use.second));
  }
  return findings;
}

using UseAndWhy = std::pair<PastUse, std::optional<Evidence>>;

}  // namespace

std::vector<Finding> find_stale_devices(const AuditContext& context,
                                        std::span<const Finding> others) {
  return find_leftovers(context, others, kStillOnVfio, [&](const PciFunction& function) {
    auto use = ended_use(context, function);
    auto why = use ? taken_from_driver(function, use) : std::nullopt;
    return UseAndWhy(std::move(use), std::move(why));
  });
}

std::vector<Finding> find_overrides_left(const AuditContext& context,
                                         std::span<const Finding> others) {
  return find_leftovers(context, others, kOverrideLeft, [&](const PciFunction& function) {
    return UseAndWhy(ended_use(context, function),
                     Evidence{"sysfs", "driver_override is " + function.driver_override +
                                           ", no configuration of this host asks for that"});
  });
}

std::vector<Finding> find_companions_unbound(const AuditContext& context,
                                             std::span<const Finding> others) {
  return find_leftovers(context, others, kUnbound, [&](const PciFunction& function) {
    if (auto own = ended_use(context, function)) {
      return UseAndWhy(std::move(own), Evidence{"sysfs", "the VM had this function itself"});
    }
    // A function that never had a driver in this boot is not missing one.
    if (function.driver_messages.empty() || !parked_by(context.snapshot, function).empty()) {
      return UseAndWhy();
    }
    const auto& message = function.driver_messages.front();
    return UseAndWhy(ended_use_of_companion(context, function),
                     Evidence{"kernel log", fmt::format("\"{}\": {} had it in this boot",
                                                        message.text, message.driver)});
  });
}

}  // namespace vmleak
