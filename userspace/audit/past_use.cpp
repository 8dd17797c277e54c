// SPDX-License-Identifier: Apache-2.0
#include "audit/past_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audit/parked.h"
#include "audit/wording.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// Between a native driver's last words and the start of the VM that its device
// was taken for.  Managers unbind right before they start a VM.
constexpr std::uint64_t kHandOver = 300 * kSecond;

const HostDevice* device_at(const std::vector<HostDevice>& devices, std::string_view address) {
  const auto found = std::find_if(devices.begin(), devices.end(), [address](const auto& device) {
    return device.pci_address == address;
  });
  return found == devices.end() ? nullptr : &*found;
}

// Several kinds of records tell of the same run.
bool same_vm(const PastRun& a, const PastRun& b) {
  if (!a.uuid.empty() && !b.uuid.empty()) return a.uuid == b.uuid;
  return a.name == b.name;
}

bool same_vm(const PastRun& run, std::string_view name, std::string_view uuid) {
  if (!run.uuid.empty() && !uuid.empty()) return run.uuid == uuid;
  return !run.name.empty() && run.name == name;
}

// Two records of the same run.  Their starts differ: the log has one when QEMU
// is about to start, the others when it is up.
bool same_run(const PastRun& a, const PastRun& b) {
  constexpr std::uint64_t kApart = 600'000'000'000;
  const auto [first, last] = std::minmax(a.started_ns, b.started_ns);
  const auto ended_before = [](const PastRun& one, const PastRun& other) {
    return one.ended_ns != 0 && one.ended_ns < other.started_ns;
  };
  return same_vm(a, b) && last - first <= kApart && !ended_before(a, b) && !ended_before(b, a);
}

bool is_more_trusted(const PastRun& a, const PastRun& b) {
  return record_rank(a.source) < record_rank(b.source);
}

// What another boot did with a device is over with that boot.
bool in_this_boot(const AuditContext& context, const PastRun& run) {
  const auto boot_ns = context.snapshot.host.boot_time_ns;
  return boot_ns != 0 && run.started_ns >= boot_ns;
}

// libvirt writes this when QEMU did not come up (VIR_DOMAIN_SHUTOFF_FAILED).
bool failed_to_start(const PastRun& run) { return run.end_reason.ends_with("reason=failed"); }

std::string vm_text(std::string_view name, std::string_view uuid) {
  constexpr std::size_t kShortUuid = 8;
  if (uuid.empty()) return std::string(name);
  return fmt::format("{} ({})", name, uuid.substr(0, kShortUuid));
}

bool is_managed(const AuditContext& context, const PastRun& run, std::string_view address) {
  const auto* device = device_at(run.host_devices, address);
  if (device != nullptr && device->managed) return true;
  const auto& domains = context.snapshot.management.domains;
  return std::any_of(domains.begin(), domains.end(), [&](const Domain& domain) {
    const auto* defined = device_at(domain.host_devices, address);
    return same_vm(run, domain.name, domain.uuid) && defined != nullptr && defined->managed;
  });
}

}  // namespace

PastUse past_use(const AuditContext& context, std::string_view pci_address) {
  std::vector<const PastRun*> runs;
  for (const auto& run : context.snapshot.management.past_runs) {
    if (in_this_boot(context, run) && device_at(run.host_devices, pci_address) != nullptr) {
      runs.push_back(&run);
    }
  }
  // A VM that could not even start is the last user only if nobody else was one:
  // what kept it from starting is what another has left.
  std::stable_sort(runs.begin(), runs.end(), [](const auto* a, const auto* b) {
    return std::pair(failed_to_start(*b), a->started_ns) >
           std::pair(failed_to_start(*a), b->started_ns);
  });
  PastUse use;
  for (const auto* run : runs) {
    if (use.last == nullptr) {
      use.last = run;
      use.managed = is_managed(context, *run, pci_address);
      continue;
    }
    const auto is_this = [run](const PastRun* other) { return same_vm(*run, *other); };
    if (is_this(use.last)) {
      // The audit log knows the end, the domain's log the devices.
      use.managed = use.managed || is_managed(context, *run, pci_address);
      if (same_run(*run, *use.last) && is_more_trusted(*run, *use.last)) use.last = run;
    } else if (std::none_of(use.earlier.begin(), use.earlier.end(), is_this)) {
      use.earlier.push_back(run);
    }
  }
  return use;
}

bool is_over(const AuditContext& context, const PastRun& run) {
  const auto& domains = context.snapshot.management.domains;
  const bool active = std::any_of(domains.begin(), domains.end(), [&](const Domain& domain) {
    return domain.active && same_vm(run, domain.name, domain.uuid);
  });
  if (active) return false;
  const auto& graph = context.now().graph;
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) != NodeKind::kProcess || !context.now().liveness.runs(i)) continue;
    const auto& process = facts_of<ProcessFacts>(graph.node(i));
    if (same_vm(run, process.vm.name, process.vm.uuid)) return false;
    if (run.ended_ns == 0 && run.pid != 0 && process.pid == run.pid && !process.vm.vmm.empty()) {
      return false;
    }
  }
  return true;
}

PastUse finished_use(const AuditContext& context, const PciFunction& function) {
  if (!parked_by(context.snapshot, function).empty()) return {};
  auto use = past_use(context, function.address);
  return use && is_over(context, *use.last) ? use : PastUse{};
}

std::optional<Evidence> taken_from_driver(const PciFunction& function, const PastUse& use) {
  if (use.managed) {
    return Evidence{"libvirt",
                    "managed='yes': it was taken from its driver for the VM, to be "
                    "given back after it"};
  }
  for (const auto& message : function.driver_messages) {
    const auto started = use.last->started_ns;
    if (message.time_ns > started || started - message.time_ns > kHandOver) continue;
    return Evidence{"kernel log",
                    fmt::format("\"{}\": {} had it until {} s before the VM started", message.text,
                                message.driver, (started - message.time_ns) / kSecond)};
  }
  return std::nullopt;
}

NodeIndex vfio_device_of(const Graph& graph, std::string_view pci_address) {
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    if (graph.kind(i) == NodeKind::kVfioDevice &&
        facts_of<VfioDeviceFacts>(graph.node(i)).pci_address == pci_address) {
      return i;
    }
  }
  return kNoNode;
}

bool is_used_now(const AuditContext& context, const Sample& sample, std::string_view pci_address) {
  const auto& domains = context.snapshot.management.domains;
  const bool given = std::any_of(domains.begin(), domains.end(), [&](const Domain& domain) {
    const auto has = [pci_address](const HostDevice& device) {
      return device.pci_address == pci_address || device.parent_address == pci_address;
    };
    return domain.active &&
           std::any_of(domain.host_devices.begin(), domain.host_devices.end(), has);
  });
  if (given) return true;
  const auto device = vfio_device_of(sample.graph, pci_address);
  if (device == kNoNode) return false;
  if (is_in_use(sample.graph, device)) return true;
  const auto group = sample.graph.find(facts_of<VfioDeviceFacts>(sample.graph.node(device)).group);
  return group != kNoNode && is_in_use(sample.graph, group);
}

namespace {

// The last run with this PID, as the most trusted record has it: not all of
// them have the PID.
const PastRun* run_of_process(const AuditContext& context, std::int64_t pid) {
  const auto& runs = context.snapshot.management.past_runs;
  const PastRun* found = nullptr;
  for (const auto& run : runs) {
    if (pid == 0 || run.pid != pid || !in_this_boot(context, run)) continue;
    if (found == nullptr || run.started_ns > found->started_ns) found = &run;
  }
  const PastRun* best = found;
  for (const auto& run : runs) {
    const bool same = best != nullptr && in_this_boot(context, run) && same_run(run, *found);
    if (same && is_more_trusted(run, *best)) best = &run;
  }
  return best;
}

}  // namespace

Owner owner_from(const AuditContext& context, const PastRun& run) {
  Owner owner{run.name, run.uuid, OwnerState::kGone, run.source, run.pid};
  const auto& domains = context.snapshot.management.domains;
  if (std::any_of(domains.begin(), domains.end(),
                  [&](const Domain& domain) { return same_vm(run, domain.name, domain.uuid); })) {
    owner.state = OwnerState::kShutoff;
  }
  return owner;
}

std::optional<Owner> named_by_records(const AuditContext& context, std::optional<Owner> owner,
                                      const std::vector<std::string>& pci_addresses,
                                      std::vector<Evidence>& evidence) {
  // A running VM, and one whose process still says its name, need no record.
  const bool is_named = owner && (owner->state == OwnerState::kRunning || !owner->uuid.empty());
  if (is_named) return owner;
  const auto pid = owner ? owner->pid : 0;
  const PastRun* found = run_of_process(context, pid);
  for (const auto& address : pci_addresses) {
    if (found != nullptr) break;
    const auto use = past_use(context, address);
    if (!use || !is_over(context, *use.last)) continue;
    found = use.last;
    for (auto& line : evidence_of_others(use)) evidence.push_back(std::move(line));
  }
  if (found == nullptr) return owner;
  auto named = owner_from(context, *found);
  if (named.pid == 0) named.pid = pid;
  if (owner && owner->state == OwnerState::kUnknown) named.state = OwnerState::kUnknown;
  evidence.push_back(evidence_of(*found));
  return named;
}

Evidence evidence_of(const PastRun& run) {
  auto text =
      fmt::format("{} used it from {}", vm_text(run.name, run.uuid), rfc3339(run.started_ns));
  text += run.ended_ns == 0 ? "; its end is not recorded"
                            : fmt::format(" to {}", rfc3339(run.ended_ns));
  if (!run.end_reason.empty()) text += ": " + run.end_reason;
  if (!run.where.empty()) text += fmt::format(" ({})", run.where);
  return {run.source, text};
}

std::vector<Evidence> evidence_of_others(const PastUse& use) {
  std::vector<Evidence> out;
  for (const auto* run : use.earlier) {
    out.push_back(
        {run->source, fmt::format("{} had used it before, from {}: the last user counts",
                                  vm_text(run->name, run->uuid), rfc3339(run->started_ns))});
  }
  return out;
}

}  // namespace vmleak
