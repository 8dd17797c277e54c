// SPDX-License-Identifier: Apache-2.0
#include "commands/surroundings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "host/host_uses.h"
#include "host/pci_functions.h"
#include "libvirt/connection.h"
#include "model/snapshot_json.h"
#include "records/records.h"

namespace vmleak {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kLibvirtDeadline{5};
constexpr seconds kRecordsDeadline{5};
constexpr seconds kPciDeadline{10};
constexpr std::string_view kLibvirt = "libvirt";
constexpr std::string_view kRecords = "records";
constexpr std::string_view kPci = "pci";

bool is_on(const CollectOptions& options, std::string_view name) {
  return std::find(options.without.begin(), options.without.end(), name) == options.without.end();
}

Loss loss(std::string what) { return {std::move(what), 1, {NodeKind::kVfioDevice}}; }

json failure(const Error& error) { return {{"error", error.message}, {"code", error.code}}; }

json libvirt_work(const std::string& uri) {
  auto answer = ask_libvirt(uri);
  if (!answer) return failure(answer.error());
  Management management;
  management.domains = std::move(answer->domains);
  for (const auto& problem : answer->problems) {
    management.losses.push_back(loss(fmt::format("ask libvirt ({}): {}", uri, problem)));
  }
  return {{"management", management_to_json(management)},
          {"version", answer->version},
          {"qemu", answer->qemu}};
}

json records_work(const HostRoot& root, std::uint64_t since_ns) {
  auto records = read_records(root, since_ns);
  Management management;
  management.domains = std::move(records.domains);
  management.past_runs = std::move(records.runs);
  management.losses = std::move(records.losses);
  return {{"management", management_to_json(management)},
          {"pods", records.pods},
          {"sources", records.sources}};
}

json pci_work(const HostRoot& root, const std::set<std::string>& named, std::uint64_t boot_ns,
              const std::set<std::string>& locked, bool host_uses) {
  PciNames names;
  auto functions = read_pci_functions(root, named, boot_ns, names, locked);
  if (!functions) return failure(functions.error());
  if (host_uses) HostUses(root, system_probes()).add_to(*functions);
  return {{"functions", pci_functions_to_json(*functions)}};
}

std::set<std::string> named_functions(const Management& management) {
  std::set<std::string> named;
  const auto add = [&named](const auto& vms) {
    for (const auto& vm : vms) {
      for (const auto& device : vm.host_devices) {
        named.insert(device.pci_address);
        named.insert(device.parent_address);
      }
    }
  };
  add(management.domains);
  add(management.past_runs);
  named.erase("");
  return named;
}

// Devices that a task in the kernel is busy with, or hangs over.
std::set<std::string> locked_functions(const std::vector<Book>& samples) {
  std::set<std::string> locked;
  if (samples.empty()) return locked;
  for (const auto& task : samples.back().waiting_tasks) {
    if (task.wait != KernelWait::kPciRescanLock) locked.insert(task.device);
  }
  locked.erase("");
  return locked;
}

using PodNames = std::map<std::string, std::string>;

// A control group has only the UID of a pod.
void name_pods(Snapshot& snapshot, const PodNames& names) {
  if (names.empty()) return;
  for (auto& book : snapshot.samples) {
    for (auto& node : book.nodes) {
      auto* facts = std::get_if<ProcessFacts>(&node.facts);
      const auto found = facts == nullptr ? names.end() : names.find(facts->pod);
      if (found != names.end()) facts->pod_name = found->second;
    }
  }
}

std::string sources_text(const std::vector<std::string>& sources) {
  return sources.empty() ? "none on this host" : fmt::format("{}", fmt::join(sources, ", "));
}

void set_family(Snapshot& snapshot, Family family) {
  auto& families = snapshot.coverage.families;
  std::erase_if(families, [&family](const Family& other) { return other.name == family.name; });
  families.push_back(std::move(family));
}

constexpr std::string_view kWithoutLibvirt = "names and states of domains, managed devices";
constexpr std::string_view kWithoutRecords = "whose devices were, once their VM is gone";
constexpr std::string_view kWithoutPci = "devices that were not given back to their driver";

Family missing(std::string_view name, FamilyState state, std::string_view lost,
               const std::string& why = {}) {
  return {std::string(name), state, "",
          why.empty() ? std::string(lost) : fmt::format("{}: {}", lost, why)};
}

}  // namespace

Surroundings::Surroundings(const HostRoot& root, const CollectOptions& options,
                           const HostInfo& host)
    : root_(root), options_(options) {
  if (is_on(options, kLibvirt)) {
    libvirt_ = Background::start("libvirt", kLibvirtDeadline,
                                 [&options] { return libvirt_work(options.connect); });
  }
  if (is_on(options, kRecords)) {
    const auto since = host.boot_time_ns;
    records_ = Background::start("records of VMs", kRecordsDeadline,
                                 [&root, since] { return records_work(root, since); });
  }
}

void Surroundings::add_to(Snapshot& snapshot) {
  snapshot.management = {};
  add_libvirt(snapshot);
  add_records(snapshot);
  add_pci_functions(snapshot);
}

void Surroundings::add_libvirt(Snapshot& snapshot) {
  if (!libvirt_) {
    set_family(snapshot, missing(kLibvirt, FamilyState::kOff, kWithoutLibvirt));
    return;
  }
  const auto reply = libvirt_->answer(options_.interrupted);
  const auto what = fmt::format("ask libvirt ({})", options_.connect);
  if (!reply) {
    // A daemon that hangs may know of a VM that nobody else does.
    const auto why = reply.error().code == ETIMEDOUT
                         ? fmt::format("no answer within {} s", kLibvirtDeadline.count())
                         : reply.error().message;
    snapshot.management.losses.push_back(loss(fmt::format("{}: {}", what, why)));
    set_family(snapshot, missing(kLibvirt, FamilyState::kMissing, kWithoutLibvirt, why));
    return;
  }
  if (reply->contains("error")) {
    const auto why = (*reply)["error"].get<std::string>();
    const int code = (*reply)["code"].get<int>();
    // Nobody there is a fact; one that fails in the middle is not.
    if (code != ENOENT && code != ECONNREFUSED) {
      snapshot.management.losses.push_back(loss(fmt::format("{}: {}", what, why)));
    }
    set_family(snapshot, missing(kLibvirt, FamilyState::kMissing, kWithoutLibvirt, why));
    return;
  }
  auto management = management_from_json((*reply)["management"]);
  if (!management) {
    snapshot.management.losses.push_back(
        loss(fmt::format("{}: {}", what, management.error().message)));
    return;
  }
  snapshot.management.domains = std::move(management->domains);
  for (auto& lost : management->losses) snapshot.management.losses.push_back(std::move(lost));
  snapshot.versions.libvirt = (*reply)["version"].get<std::string>();
  snapshot.versions.qemu = (*reply)["qemu"].get<std::string>();
  set_family(snapshot,
             {std::string(kLibvirt), FamilyState::kAttached,
              fmt::format("libvirt {}, {}", snapshot.versions.libvirt, options_.connect), ""});
}

void Surroundings::add_records(Snapshot& snapshot) {
  if (!records_) {
    set_family(snapshot, missing(kRecords, FamilyState::kOff, kWithoutRecords));
    return;
  }
  const auto reply = records_->answer(options_.interrupted);
  auto management = reply ? management_from_json((*reply)["management"]) : reply.error();
  if (!management) {
    snapshot.management.losses.push_back(loss("read " + management.error().message));
    set_family(snapshot, missing(kRecords, FamilyState::kMissing, kWithoutRecords,
                                 management.error().message));
    return;
  }
  snapshot.management.past_runs = std::move(management->past_runs);
  for (auto& domain : management->domains) {
    snapshot.management.domains.push_back(std::move(domain));
  }
  for (auto& lost : management->losses) snapshot.management.losses.push_back(std::move(lost));
  name_pods(snapshot, (*reply)["pods"].get<PodNames>());
  const auto sources = (*reply)["sources"].get<std::vector<std::string>>();
  set_family(snapshot, {std::string(kRecords), FamilyState::kAttached, sources_text(sources), ""});
}

void Surroundings::add_pci_functions(Snapshot& snapshot) {
  if (!is_on(options_, kPci)) {
    set_family(snapshot, missing(kPci, FamilyState::kOff, kWithoutPci));
    return;
  }
  auto named = named_functions(snapshot.management);
  named.insert(options_.functions.begin(), options_.functions.end());
  const auto locked = locked_functions(snapshot.samples);
  const auto boot_ns = snapshot.host.boot_time_ns;
  auto background = Background::start("PCI functions", kPciDeadline, [&] {
    return pci_work(root_, named, boot_ns, locked, options_.host_uses);
  });
  const auto reply = background.answer(options_.interrupted);
  Result<std::vector<PciFunction>> functions =
      !reply                     ? Result<std::vector<PciFunction>>(reply.error())
      : reply->contains("error") ? Error{(*reply)["error"].get<std::string>()}
                                 : pci_functions_from_json((*reply)["functions"]);
  if (!functions) {
    snapshot.management.losses.push_back(loss("read PCI functions: " + functions.error().message));
    set_family(snapshot,
               missing(kPci, FamilyState::kMissing, kWithoutPci, functions.error().message));
    return;
  }
  for (const auto& address : locked) {
    snapshot.management.losses.push_back(loss(fmt::format(
        "read driver_override of {}: a task in the kernel has locked the device", address)));
  }
  snapshot.pci_functions = std::move(*functions);
  set_family(snapshot, {std::string(kPci), FamilyState::kAttached, "sysfs, kernel log", ""});
}

}  // namespace vmleak
