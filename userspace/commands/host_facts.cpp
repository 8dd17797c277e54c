// SPDX-License-Identifier: Apache-2.0
#include "commands/host_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "commands/removals.h"
#include "host/host_info.h"
#include "host/iommu_groups.h"
#include "host/modules.h"
#include "host/process.h"
#include "host/waiting_tasks.h"

namespace vmleak {
namespace {

// What the kernel walk saw stays; /proc adds what it could not see.
void merge(const HostProcess& host, Node& node) {
  auto& facts = std::get<ProcessFacts>(node.facts);
  const ProcessFacts walked = facts;
  facts = host.facts;
  facts.mm = walked.mm;
  if (!walked.state.empty()) {
    facts.state = walked.state;
    facts.exiting = walked.exiting;
    facts.threads = walked.threads;
    facts.start_time_ns = walked.start_time_ns;
    facts.comm = walked.comm;
  }
  node.name = facts.comm.empty() ? fmt::format("process {}", facts.pid) : facts.comm;
}

void add_processes(const HostRoot& root, std::chrono::milliseconds deadline,
                   const std::function<bool()>& interrupted, Book& book) {
  std::vector<std::int64_t> pids;
  std::map<std::int64_t, std::size_t> index;
  for (std::size_t i = 0; i < book.nodes.size(); ++i) {
    if (book.nodes[i].kind != NodeKind::kProcess) continue;
    const auto pid = std::get<ProcessFacts>(book.nodes[i].facts).pid;
    pids.push_back(pid);
    index.emplace(pid, i);
  }
  if (pids.empty()) return;
  auto batch = read_processes(root, pids, deadline, interrupted);
  for (const auto& host : batch.processes) {
    if (const auto found = index.find(host.facts.pid); found != index.end()) {
      merge(host, book.nodes[found->second]);
    }
  }
  for (auto& loss : batch.losses) book.losses.push_back(std::move(loss));
}

std::string pci_name(const HostRoot& root, PciNames& names, const std::string& address) {
  const auto device = read_pci_device(root, address);
  if (!device) return {};
  return names.name(device->vendor, device->device);
}

void add_pci_names(const HostRoot& root, PciNames& names, Book& book) {
  // Names are looked up for groups that VFIO has to do with; the others are
  // looked at only when their books don't balance.
  std::set<NodeId> wanted;
  for (const auto& node : book.nodes) {
    if (const auto* group = std::get_if<VfioGroupFacts>(&node.facts)) {
      wanted.insert(group->iommu_group);
    }
  }
  for (auto& node : book.nodes) {
    if (auto* device = std::get_if<VfioDeviceFacts>(&node.facts)) {
      const auto name = pci_name(root, names, device->pci_address);
      node.name = name.empty() ? device->pci_address : device->pci_address + " " + name;
    } else if (auto* group = std::get_if<IommuGroupFacts>(&node.facts)) {
      if (!wanted.contains(node.id)) continue;
      for (auto& member : group->members) member.name = pci_name(root, names, member.address);
    }
  }
}

// The whole path of an image, from a descriptor that has it open.
void add_image_paths(const HostRoot& root, Book& book) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::unordered_map<NodeId, std::size_t> index;
  for (std::size_t i = 0; i < book.nodes.size(); ++i) index.emplace(book.nodes[i].id, i);
  std::unordered_map<NodeId, NodeId> image_of;  // open file -> image
  for (const auto& reference : book.references) {
    if (reference.cls == "image/open-file") image_of.emplace(reference.holder, reference.held);
  }
  for (const auto& reference : book.references) {
    const auto image = image_of.find(reference.held);
    if (reference.cls != "file/fd" || image == image_of.end()) continue;
    const auto pid = local_id(reference.holder);
    const auto fd = std::string_view(reference.detail).substr(3);  // "fd N"
    auto path = root.read_link(fmt::format("/proc/{}/fd/{}", pid, fd.substr(0, fd.find(' '))));
    if (!path) continue;
    auto& node = book.nodes[index.at(image->second)];
    auto& facts = std::get<FileFacts>(node.facts);
    facts.deleted = path->ends_with(kDeleted);
    if (facts.deleted) path->resize(path->size() - kDeleted.size());
    facts.path = *path;
    node.name = *path;
    auto& open_file = book.nodes[index.at(reference.held)];
    std::get<OpenFileFacts>(open_file.facts).path = *path;
    open_file.name = *path;
  }
}

Node module_node(const KernelModule& module) {
  Node node;
  node.id = make_node_id(NodeKind::kModule, module.name);
  node.kind = NodeKind::kModule;
  node.name = module.name;
  node.facts = ModuleFacts{};
  return node;
}

// Modules all of whose references are looked for, so that their count can be
// balanced.  irqbypass, say, is kept by every interrupt producer and consumer.
constexpr std::array<std::string_view, 8> kBalancedModules = {
    "kvm",      "kvm_amd",          "kvm_intel", "vfio",
    "vfio_pci", "vfio_iommu_type1", "vhost_net", "vhost_vsock"};

bool is_balanced(const std::string& name) {
  return std::find(kBalancedModules.begin(), kBalancedModules.end(), name) !=
         kBalancedModules.end();
}

void add_modules(const HostRoot& root, Book& book) {
  auto modules = read_vm_modules(root);
  if (!modules) {
    if (!is_gone(modules.error())) {
      book.losses.push_back({modules.error().message, 1, {NodeKind::kModule}});
    }
    return;
  }
  const auto node_of = [&book](const KernelModule& module) -> Node& {
    const auto id = make_node_id(NodeKind::kModule, module.name);
    const auto found = std::find_if(book.nodes.begin(), book.nodes.end(),
                                    [&id](const Node& node) { return node.id == id; });
    return found != book.nodes.end() ? *found : book.nodes.emplace_back(module_node(module));
  };
  for (const auto& module : *modules) {
    auto& node = node_of(module);
    node.instance = module.name;
    std::get<ModuleFacts>(node.facts).dependents = module.dependents;
    if (module.refcount >= 0 && is_balanced(module.name))
      node.counters = {{"refcount", module.refcount, 0}};
  }
  for (const auto& module : *modules) {
    for (const auto& dependent : module.dependents) {
      KernelModule other;
      other.name = dependent;
      const NodeId holder = node_of(other).id;
      book.references.push_back({holder,
                                 make_node_id(NodeKind::kModule, module.name),
                                 "refcount",
                                 "module/dependent",
                                 1,
                                 true,
                                 {}});
    }
  }
}

}  // namespace

void add_host_facts(const HostRoot& root, std::chrono::milliseconds deadline,
                    const std::function<bool()>& interrupted, PciNames& pci_names, Book& book) {
  add_processes(root, deadline, interrupted, book);
  if (!book.waiting_tasks.empty()) {
    book.waiting_tasks =
        find_waited_devices(root, std::move(book.waiting_tasks), read_host_info(root).boot_time_ns,
                            deadline, interrupted, book.losses);
    end_registrations(book);
  }
  add_pci_names(root, pci_names, book);
  add_image_paths(root, book);
  add_modules(root, book);
}

}  // namespace vmleak
