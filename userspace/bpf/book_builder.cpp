// SPDX-License-Identifier: Apache-2.0
#include "bpf/book_builder.h"

#include <utility>

#include "bpf/book_parts.h"
#include "model/reference_class.h"

namespace vmleak {

std::string BookParts::hash(std::string_view what, std::uint64_t address, int digits) const {
  return short_hash(options_.key, fmt::format("{}/{:x}", what, address), digits);
}

Node& BookParts::node(NodeKind kind, std::uint64_t address, std::string id, Facts facts) {
  if (auto* known = find(address); known != nullptr) return *known;
  const auto instance = hash(to_string(kind), address, 16);
  if (id.empty()) id = instance.substr(0, 12);
  auto node_id = make_node_id(kind, id);
  // A second object with the first one's name: an old and a new device at one
  // PCI address, say.
  if (by_id_.contains(node_id)) node_id += "~" + instance.substr(0, 6);
  by_address_.emplace(address, book_.nodes.size());
  by_id_.emplace(node_id, book_.nodes.size());
  Node made;
  made.id = std::move(node_id);
  made.kind = kind;
  made.name = std::move(id);
  made.instance = instance;
  made.address = options_.addresses ? address : 0;
  made.facts = std::move(facts);
  return book_.nodes.emplace_back(std::move(made));
}

Node* BookParts::find(std::uint64_t address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &book_.nodes[found->second];
}

NodeId BookParts::id_of(std::uint64_t address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? NodeId() : book_.nodes[found->second].id;
}

void BookParts::refer(const NodeId& holder, const NodeId& held, std::string_view cls,
                      std::int64_t count, std::string detail, bool certain) {
  if (holder.empty() || held.empty()) return;
  const auto* row = find_reference_class(cls);
  book_.references.push_back({holder, held,
                              row == nullptr ? std::string() : std::string(row->counter),
                              std::string(cls), count, certain, std::move(detail)});
}

namespace {

Node named_node(NodeKind kind, std::string_view name, Facts facts) {
  Node made;
  made.id = make_node_id(kind, name);
  made.kind = kind;
  made.name = name;
  made.facts = std::move(facts);
  return made;
}

}  // namespace

NodeId BookParts::process(std::uint32_t tgid, bool kernel_thread) {
  const auto kind = kernel_thread ? NodeKind::kKernelThread : NodeKind::kProcess;
  ProcessFacts facts;
  facts.pid = tgid;
  auto made = named_node(kind, std::to_string(tgid), facts);
  if (by_id_.emplace(made.id, book_.nodes.size()).second) book_.nodes.push_back(made);
  return made.id;
}

NodeId BookParts::driver(std::string_view name) {
  auto made = named_node(NodeKind::kDriver, name, DriverFacts{});
  if (by_id_.emplace(made.id, book_.nodes.size()).second) book_.nodes.push_back(made);
  return made.id;
}

NodeId BookParts::module(std::string_view name) {
  auto made = named_node(NodeKind::kModule, name, ModuleFacts{});
  if (by_id_.emplace(made.id, book_.nodes.size()).second) book_.nodes.push_back(made);
  return made.id;
}

void BookParts::add_address_spaces() {
  for (const auto& record : records_.mms) {
    MmFacts facts;
    facts.owner_pid = record.owner_tgid;
    facts.owner_comm = record.owner_comm;
    facts.mapped_bytes = record.total_pages * 4096;
    auto& mm = node(NodeKind::kMm, record.mm, {}, facts);
    mm.name = record.owner_tgid > 0
                  ? fmt::format("address space of {} {}", record.owner_comm, record.owner_tgid)
                  : std::string("address space of a process that is gone");
    mm.counters = {{"mm_users", record.mm_users, 0}};
  }
}

void BookParts::add_virtual_machines() {
  for (const auto& record : records_.kvms) {
    KvmFacts facts;
    facts.creator_pid = record.userspace_pid;
    facts.stats_id = record.stats_id;
    facts.mm = id_of(record.mm);
    facts.vcpus = record.online_vcpus;
    facts.memory_bytes = record.memory_pages * 4096;
    facts.dying = record.users_count == 0;
    if (const auto name = records_.debugfs_names.find(record.kvm);
        name != records_.debugfs_names.end()) {
      facts.debugfs_name = name->second;
    }
    auto& kvm = node(NodeKind::kKvm, record.kvm, {}, facts);
    // The address alone is used again by a later VM.
    kvm.instance = hash(fmt::format("kvm/{:x}/{}", record.mm, facts.stats_id), record.kvm, 16);
    kvm.name = facts.debugfs_name.empty() ? facts.stats_id : facts.debugfs_name;
    if (kvm.name.empty()) kvm.name = fmt::format("VM of process {}", record.userspace_pid);
    kvm.counters = {{"users_count", record.users_count, 0}};
  }
  for (const auto& record : records_.kvms) {
    refer(id_of(record.kvm), id_of(record.sev_source), "kvm/sev-mirror");
    if (record.holds_module != 0 && !options_.vendor_module.empty()) {
      refer(id_of(record.kvm), module(options_.vendor_module), "module/vm");
    }
  }
}

// Some kernels count each loaded program, some one for all that are attached
// to the same function: so each of them may, and need not, keep the module.
void BookParts::add_module_programs() {
  for (const auto& program : records_.module_programs) {
    refer(driver(fmt::format("BPF program {} (id {})", program.name, program.id)),
          module(program.module), "module/program", 1, {}, /*certain=*/false);
  }
}

Book BookParts::finish() && {
  book_.losses.insert(book_.losses.end(), records_.losses.begin(), records_.losses.end());
  book_.files_walked = records_.files_walked;
  book_.mappings_walked = records_.mappings_walked;
  return std::move(book_);
}

Book build_book(const KernelRecords& records, const BookOptions& options,
                std::vector<vmleak_ledger_key>* refuted) {
  BookParts parts(records, options);
  parts.add_address_spaces();
  parts.add_virtual_machines();
  parts.add_vfio();
  parts.add_iommu_groups();
  parts.add_eventfds();
  parts.add_files();
  parts.add_holds();
  parts.add_mappings();
  parts.add_vhost();
  parts.add_tasks();
  parts.add_closing_tasks();
  parts.add_waiting_tasks();
  parts.add_module_programs();
  parts.add_eventfd_holders();
  auto wrong = parts.add_ledger();
  if (refuted != nullptr) *refuted = std::move(wrong);
  return std::move(parts).finish();
}

}  // namespace vmleak
