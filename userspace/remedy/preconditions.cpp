// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "audit/parked.h"
#include "audit/wording.h"
#include "base/pci_address.h"
#include "remedy/actions.h"
#include "remedy/holder.h"

namespace vmleak {
namespace {

// Each gives why it is not met; empty: it is.
using Check = std::string (*)(const Subject& subject);

std::string books(const Subject& subject) { return unseen_part(subject.snapshot); }

std::string functions_known(const Subject& subject) {
  if (subject.unknown.empty() && !subject.unit.empty()) return "";
  return subject.unknown.empty()
             ? "no PCI function belongs to it"
             : fmt::format("sysfs told nothing of {}", fmt::join(subject.unknown, ", "));
}

std::string settled(const Subject& subject) {
  for (const auto* finding : subject.findings) {
    if (finding->verdict == Verdict::kInconclusive || finding->verdict == Verdict::kReleasing) {
      return fmt::format("finding {} is {}: {}", finding->id, to_string(finding->verdict),
                         finding->summary);
    }
  }
  return "";
}

std::string no_user(const Subject& subject) {
  if (!subject.users.empty()) {
    return "in use by " + process_text(subject.graph().node(subject.users.front()));
  }
  if (subject.user_unknown) return "whether its user lives can't be told";
  for (const auto& domain : subject.snapshot.management.domains) {
    for (const auto& device : domain.host_devices) {
      if (!domain.active || subject.find(device.pci_address) == nullptr) continue;
      return fmt::format("{} belongs to domain {}, which is {}", device.pci_address, domain.name,
                         domain.state);
    }
  }
  return "";
}

std::string device_files(const Subject& subject) {
  if (subject.open_devices.empty()) return "";
  const auto device = subject.open_devices.front();
  return fmt::format("{}: refcount {}, open_count {}", node_text(subject.graph(), device),
                     subject.graph().value(device, "refcount"),
                     subject.graph().value(device, "open_count"));
}

std::string group_files(const Subject& subject) {
  if (subject.open_groups.empty()) return "";
  return node_text(subject.graph(), subject.open_groups.front()) +
         " is open: another driver would be refused";
}

std::string no_holder(const Subject& subject) {
  if (subject.holders.empty()) return "";
  return holder_text(subject, subject.holders.front()) + " holds it: ask it to close it first";
}

std::string nobody_closing(const Subject& subject) {
  return subject.ending ? "a process is still closing it" : "";
}

// What is done to virtual functions does nothing to their physical function and
// its other ones; that it has virtual functions is a use of the physical one.
bool is_left_alone(const Subject& subject, const PciFunction& function) {
  const auto acted = acted_functions(subject);
  const auto is_virtual_of_it = [&function](const PciFunction* other) {
    return !other->physical_function.empty() && other->address != function.address &&
           other->iommu_group != function.iommu_group &&
           (other->physical_function == function.address ||
            other->physical_function == function.physical_function);
  };
  return !acted.empty() && std::all_of(acted.begin(), acted.end(), is_virtual_of_it);
}

std::string host_uses(const Subject& subject) {
  for (const auto* function : subject.unit) {
    if (is_left_alone(subject, *function)) continue;
    for (const auto& use : function->host_uses) {
      return fmt::format("{}: {}", function->address, use.text);
    }
  }
  for (const auto* function : acted_functions(subject)) {
    if (!function->host_uses_known) {
      return fmt::format("what the host uses {} for could not be found out", function->address);
    }
  }
  return "";
}

std::string virtual_functions(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    if (!function->virtual_functions.empty()) {
      return fmt::format("{} has {} virtual functions, which would go with it", function->address,
                         function->virtual_functions.size());
    }
  }
  return "";
}

// They go with the driver of the physical function and come back in the same
// number; below a physical one on vfio, the kernel gives them to vfio as well
// (vfio_pci_bus_notifier).
std::string idle_virtual_functions(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    for (const auto& address : function->virtual_functions) {
      const auto* virtual_one = subject.find(address);
      if (virtual_one == nullptr) return fmt::format("sysfs told nothing of {}", address);
      if (virtual_one->driver.empty() || is_vfio_driver(virtual_one->driver)) continue;
      return fmt::format("{}, a virtual function of {}, is on {} and would not come back there",
                         address, function->address, virtual_one->driver);
    }
  }
  return "";
}

// A bus scan does not find virtual functions: they do not answer to it.
std::string found_by_scan(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    if (!function->physical_function.empty()) {
      return fmt::format("{} is a virtual function of {}: a scan would not bring it back",
                         function->address, function->physical_function);
    }
  }
  return "";
}

std::string something_to_act_on(const Subject& subject) {
  if (!acted_functions(subject).empty()) return "";
  return "no function of it is on a vfio driver or without a driver";
}

std::string no_kernel_wait(const Subject& subject) {
  for (const auto& task : subject.sample.book().waiting_tasks) {
    const bool here = task.device.empty() || subject.find(task.device) != nullptr;
    if (!here && task.wait != KernelWait::kPciRescanLock) continue;
    return fmt::format("{} {} waits in the kernel ({}{}{})", task.comm, task.tid,
                       to_string(task.wait), task.device.empty() ? "" : " of ", task.device);
  }
  return "";
}

std::string native_driver(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    if (function->native_drivers.empty()) {
      return fmt::format("the host has no other driver for {}", function->address);
    }
  }
  return "";
}

std::string not_parked(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    const auto parking = parked_by(subject.snapshot, *function);
    if (parking.empty() || function->driver.empty()) continue;
    return fmt::format("{} is on {} on purpose: {}", function->address, function->driver,
                       parking.front().text);
  }
  return "";
}

std::string something_overridden(const Subject& subject) {
  return overridden_functions(subject).empty()
             ? "none is on a driver of the host with another as driver_override"
             : "";
}

std::string reset_offered(const Subject& subject) {
  for (const auto* function : acted_functions(subject)) {
    if (function->reset_methods.empty()) {
      return "the kernel knows no way to reset " + function->address;
    }
  }
  return "";
}

std::string vendor_tool(const Subject& subject) {
  constexpr std::uint16_t kNvidia = 0x10de;
  if (subject.options.nvidia_smi.empty()) return "nvidia-smi is not installed";
  for (const auto& address : subject.target.addresses) {
    const auto* function = subject.find(address);
    if (function == nullptr || function->vendor != kNvidia || function->driver != "nvidia") {
      return address + " is not on the nvidia driver";
    }
    if (!function->host_uses_known) return "whether " + address + " is in use is not known";
  }
  return "";
}

std::string holders_can_end(const Subject& subject) {
  if (subject.holders.empty()) return "nobody is seen to hold it";
  for (const auto holder : subject.holders) {
    if (auto why = why_not_ended(subject, holder); !why.empty()) return why;
  }
  return "";
}

using enum ActionKind;

// A set of actions.
using Actions = unsigned;

template <class... Kind>
constexpr Actions any_of(Kind... kind) {
  return ((1U << static_cast<unsigned>(kind)) | ...);
}

struct Row {
  std::string_view name;
  std::string_view text;
  Check check;
  Actions actions;
};

constexpr Actions kOnDevices = any_of(kRebind, kReset, kVendorReset, kRemoveRescan);
// A run that is finished acts on devices that may have found another use since.
constexpr Actions kTouching = kOnDevices | any_of(kFinish);
constexpr Actions kAll = kTouching | any_of(kCloseHolder);
constexpr Actions kUnbinding = any_of(kFinish, kRebind, kReset, kRemoveRescan);

constexpr std::array kRows = std::to_array<Row>({
    {"books", "counters and holders could be read", books, kAll | any_of(kClearOverride)},
    {"functions", "its PCI functions are known", functions_known, kOnDevices},
    {"settled", "the verdict on it is certain", settled, kOnDevices | any_of(kCloseHolder)},
    {"no-live-user", "no living VM uses it", no_user, kAll},
    {"nobody-closing", "no process is on its way out with it", nobody_closing, kTouching},
    {"device-files", "no file of the device is open: unbinding it won't block", device_files,
     kUnbinding},
    {"group-files", "no file of its group is open", group_files,
     any_of(kRebind, kReset, kVendorReset)},
    {"no-holder", "no process is seen to hold it", no_holder, any_of(kFinish, kRemoveRescan)},
    {"host-uses", "the host does not need it", host_uses, kTouching},
    {"virtual-functions", "no virtual functions depend on it", virtual_functions,
     any_of(kReset, kVendorReset)},
    {"virtual-functions", "its virtual functions come back with it", idle_virtual_functions,
     any_of(kRebind, kRemoveRescan)},
    {"found-by-scan", "a scan of the bus finds it again", found_by_scan, any_of(kRemoveRescan)},
    {"acts-on", "it is on a vfio driver or has none", something_to_act_on,
     any_of(kRebind, kReset, kRemoveRescan)},
    {"kernel", "no task waits in the kernel for it or for the PCI bus", no_kernel_wait,
     kTouching | any_of(kClearOverride)},
    {"overridden", "a driver_override was left on it", something_overridden,
     any_of(kClearOverride)},
    {"native-driver", "the host has a driver for it", native_driver, any_of(kRebind)},
    {"not-parked", "it is not on vfio-pci on purpose", not_parked, any_of(kRebind)},
    {"reset-method", "the kernel can reset it", reset_offered, any_of(kReset)},
    {"vendor-tool", "its vendor's tool can reset it", vendor_tool, any_of(kVendorReset)},
    {"can-be-ended", "its holders can be ended without harm to others", holders_can_end,
     any_of(kCloseHolder)},
});

bool applies(const Row& row, ActionKind kind) { return (row.actions & any_of(kind)) != 0; }

}  // namespace

std::vector<Precondition> preconditions_of(const Subject& subject, const Action& action) {
  std::vector<Precondition> out;
  for (const auto& row : kRows) {
    if (!applies(row, action.kind)) continue;
    auto why = row.check(subject);
    out.push_back({std::string(row.name), std::string(row.text), why.empty(), std::move(why)});
  }
  return out;
}

}  // namespace vmleak
