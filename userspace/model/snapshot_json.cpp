// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot_json.h"

#include <array>
#include <set>
#include <string>
#include <utility>

#include "model/json_document.h"
#include "model/ledger_json.h"

namespace vmleak {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(KvmFacts, creator_pid, stats_id, debugfs_name, mm, vcpus,
                                   memory_bytes, dying)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VfioGroupFacts, number, iommu_group, open_file, kvm, container)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VfioDeviceFacts, pci_address, driver, group, kvm, registered)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DmaUser, pid, comm, mm, exited, bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VfioContainerFacts, iommu_driver, dma_users)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(IommuGroupMember, address, name, driver, driver_managed_dma)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(IommuGroupFacts, number, members, owner, viable)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MmFacts, owner_pid, owner_comm, mapped_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModuleFacts, dependents)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FileFacts, path, device, inode, size_bytes, deleted)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OpenFileFacts, type, path, writable)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VmIdentity, name, uuid, vmm, source)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProcessFacts, pid, comm, state, exiting, threads, mm,
                                   start_time_ns, command_line, cgroup, unit, pod, pod_name, vm)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(IoUringFacts, fixed_files)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EventfdFacts, number)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counter, name, value, bound)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reference, holder, held, counter, cls, count, certain, detail)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ClosingTask, tid, pid, comm, state, reason, stack, kernel_thread)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WaitingTask, tid, pid, comm, state, wait, device, since_ns,
                                   stack)

// Fields that came with the ledger: older snapshots don't have them.
void to_json(nlohmann::json& out, const Loss& loss) {
  out = {{"what", loss.what}, {"count", loss.count}, {"kinds", loss.kinds}};
  if (loss.in_ledger) out["in_ledger"] = true;
}

void from_json(const nlohmann::json& in, Loss& loss) {
  in.at("what").get_to(loss.what);
  in.at("count").get_to(loss.count);
  in.at("kinds").get_to(loss.kinds);
  loss.in_ledger = in.value("in_ledger", false);
}

void to_json(nlohmann::json& out, const Family& family) {
  out = {{"name", family.name},
         {"state", family.state},
         {"program", family.program},
         {"lost_without", family.lost_without}};
  if (!family.classes.empty()) out["classes"] = family.classes;
}

void from_json(const nlohmann::json& in, Family& family) {
  in.at("name").get_to(family.name);
  in.at("state").get_to(family.state);
  in.at("program").get_to(family.program);
  in.at("lost_without").get_to(family.lost_without);
  if (in.contains("classes")) in["classes"].get_to(family.classes);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostDevice, pci_address, mdev_uuid, managed, parent_address,
                                   driver)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Domain, name, uuid, source, state, reason, active, persistent,
                                   autostart, pid, memory_bytes, hugepage_bytes, host_devices,
                                   disks, interfaces)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PastRun, name, uuid, source, where, pid, started_ns, ended_ns,
                                   end_reason, host_devices, disks)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Management, domains, past_runs, losses)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostUse, kind, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Parking, source, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DriverMessage, driver, time_ns, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PciFunction, address, name, class_code, vendor, device, driver,
                                   driver_override, native_drivers, iommu_group, physical_function,
                                   virtual_functions, upstream_bridge, reset_methods, power_state,
                                   parking, driver_messages, host_uses, host_uses_known)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostInfo, hostname, kernel, boot_id, boot_time_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Versions, vmleak, qemu, libvirt)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Coverage, tier, armed_since, families)

namespace {

using nlohmann::json;

constexpr std::array<std::pair<ClosingReason, std::string_view>, 6> kClosingReasons{{
    {ClosingReason::kTaskWork, "task_work"},
    {ClosingReason::kExitMmap, "exit_mmap"},
    {ClosingReason::kDestroyVm, "destroy_vm"},
    {ClosingReason::kExiting, "exiting"},
    {ClosingReason::kCoreDump, "core_dump"},
    {ClosingReason::kUnknown, "unknown"},
}};

// The alternative of Facts that belongs to a kind; `visit` gets a default
// constructed value of it.
template <class Visit>
void with_facts_of(NodeKind kind, Visit visit) {
  switch (kind) {
    case NodeKind::kKvm:
      return visit(KvmFacts{});
    case NodeKind::kVfioGroup:
      return visit(VfioGroupFacts{});
    case NodeKind::kVfioDevice:
      return visit(VfioDeviceFacts{});
    case NodeKind::kVfioContainer:
      return visit(VfioContainerFacts{});
    case NodeKind::kIommuGroup:
      return visit(IommuGroupFacts{});
    case NodeKind::kMm:
      return visit(MmFacts{});
    case NodeKind::kModule:
      return visit(ModuleFacts{});
    case NodeKind::kFile:
      return visit(FileFacts{});
    case NodeKind::kOpenFile:
      return visit(OpenFileFacts{});
    case NodeKind::kProcess:
    case NodeKind::kKernelThread:
      return visit(ProcessFacts{});
    case NodeKind::kIoUring:
      return visit(IoUringFacts{});
    case NodeKind::kEventfd:
      return visit(EventfdFacts{});
    case NodeKind::kDriver:
      return visit(DriverFacts{});
  }
}

}  // namespace

std::string_view to_string(ClosingReason reason) {
  for (const auto& [value, name] : kClosingReasons) {
    if (value == reason) return name;
  }
  return "?";
}

void to_json(json& out, ClosingReason reason) { out = to_string(reason); }

void from_json(const json& in, ClosingReason& reason) {
  const auto& wanted = in.get_ref<const std::string&>();
  for (const auto& [value, name] : kClosingReasons) {
    if (name == wanted) {
      reason = value;
      return;
    }
  }
  throw json::other_error::create(501, "unknown reason \"" + wanted + "\"", &in);
}

void to_json(json& out, const DriverFacts& /*facts*/) { out = json::object(); }
void from_json(const json& /*in*/, DriverFacts& /*facts*/) {}

void to_json(json& out, const Node& node) {
  out = json{{"id", node.id},
             {"kind", node.kind},
             {"name", node.name},
             {"instance", node.instance},
             {"counters", node.counters}};
  if (node.address != 0) out["address"] = node.address;
  std::visit([&out](const auto& facts) { out["facts"] = facts; }, node.facts);
}

void from_json(const json& in, Node& node) {
  in.at("id").get_to(node.id);
  in.at("kind").get_to(node.kind);
  in.at("name").get_to(node.name);
  in.at("instance").get_to(node.instance);
  in.at("counters").get_to(node.counters);
  node.address = in.value("address", std::uint64_t{0});
  with_facts_of(node.kind, [&](auto facts) {
    in.at("facts").get_to(facts);
    node.facts = std::move(facts);
  });
}

void to_json(json& out, const Book& book) {
  out = json{{"time_ns", book.time_ns},
             {"nodes", book.nodes},
             {"references", book.references},
             {"closing_tasks", book.closing_tasks},
             {"waiting_tasks", book.waiting_tasks},
             {"losses", book.losses},
             {"files_walked", book.files_walked},
             {"mappings_walked", book.mappings_walked}};
  if (book.ledger) out["ledger"] = *book.ledger;
}

void from_json(const json& in, Book& book) {
  in.at("time_ns").get_to(book.time_ns);
  in.at("nodes").get_to(book.nodes);
  in.at("references").get_to(book.references);
  in.at("closing_tasks").get_to(book.closing_tasks);
  in.at("waiting_tasks").get_to(book.waiting_tasks);
  in.at("losses").get_to(book.losses);
  in.at("files_walked").get_to(book.files_walked);
  in.at("mappings_walked").get_to(book.mappings_walked);
  if (in.contains("ledger")) book.ledger = in["ledger"].get<LedgerBook>();
}

namespace {

// A reference between nodes that the book does not have would make every
// balance wrong, silently.
Status check_references(const Book& book) {
  std::set<std::string_view> ids;
  for (const auto& node : book.nodes) {
    if (!ids.insert(node.id).second) return Error{"two nodes have the id \"" + node.id + "\""};
  }
  for (const auto& reference : book.references) {
    for (const auto& end : {reference.holder, reference.held}) {
      if (!ids.contains(end)) return Error{"a reference names the unknown node \"" + end + "\""};
    }
  }
  if (!book.ledger) return {};
  for (const auto& id : nodes_named_by(*book.ledger)) {
    if (!ids.contains(id)) {
      return Error{"the ledger names the unknown node \"" + std::string(id) + "\""};
    }
  }
  return {};
}

}  // namespace

json book_to_json(const Book& book) { return book; }

Result<Book> book_from_json(const json& in) {
  try {
    auto book = in.get<Book>();
    if (auto checked = check_references(book); !checked) return checked.error();
    return book;
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

json management_to_json(const Management& management) { return management; }

Result<Management> management_from_json(const json& in) {
  try {
    return in.get<Management>();
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

json pci_functions_to_json(const std::vector<PciFunction>& functions) { return functions; }

Result<std::vector<PciFunction>> pci_functions_from_json(const json& in) {
  try {
    return in.get<std::vector<PciFunction>>();
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

json families_to_json(const std::vector<Family>& families) { return families; }

Result<std::vector<Family>> families_from_json(const json& in) {
  try {
    return in.get<std::vector<Family>>();
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

json snapshot_to_json(const Snapshot& snapshot) {
  return json{{"schema", kSnapshotSchema},         {"host", snapshot.host},
              {"versions", snapshot.versions},     {"coverage", snapshot.coverage},
              {"settle_ns", snapshot.settle_ns},   {"samples", snapshot.samples},
              {"management", snapshot.management}, {"pci_functions", snapshot.pci_functions}};
}

Result<Snapshot> snapshot_from_text(std::string_view text) {
  const auto parsed = parse_json_document(text);
  if (!parsed) return parsed.error();
  const auto& document = *parsed;
  if (!document.is_object() || !document.contains("schema")) {
    return Error{"not a vmleak snapshot: it has no \"schema\""};
  }
  const auto& schema = document["schema"];
  if (schema != kSnapshotSchema) {
    return Error{"its schema is " + schema.dump() + ", this program reads \"" +
                 std::string(kSnapshotSchema) + "\""};
  }
  try {
    Snapshot snapshot;
    document.at("host").get_to(snapshot.host);
    document.at("versions").get_to(snapshot.versions);
    document.at("coverage").get_to(snapshot.coverage);
    document.at("settle_ns").get_to(snapshot.settle_ns);
    document.at("samples").get_to(snapshot.samples);
    document.at("management").get_to(snapshot.management);
    document.at("pci_functions").get_to(snapshot.pci_functions);
    if (snapshot.samples.empty()) return Error{"it has no samples"};
    for (const auto& book : snapshot.samples) {
      if (auto checked = check_references(book); !checked) return checked.error();
    }
    return snapshot;
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

}  // namespace vmleak
