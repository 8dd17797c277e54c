// SPDX-License-Identifier: Apache-2.0
#include "report/redact.h"

#include <algorithm>
#include <string>
#include <variant>

#include "report/pseudonyms.h"

namespace vmleak {
namespace {

// "do_exit", "vfio_fops_release+0x1a/0x40 [vfio]"
bool is_kernel_function(std::string_view frame) {
  const auto all_of = [](std::string_view text, std::string_view others) {
    return std::all_of(text.begin(), text.end(), [others](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             others.find(c) != std::string_view::npos;
    });
  };
  const auto blank = std::min(frame.find(' '), frame.size());
  const auto module = frame.substr(blank);
  return !frame.starts_with('/') && all_of(frame.substr(0, blank), "_.+/") &&
         (module.empty() || (module.starts_with(" [") && all_of(module.substr(2), "_]")));
}

// Kinds whose ids and names the kernel gives.
bool is_named_by_kernel(NodeKind kind) {
  return kind == NodeKind::kModule || kind == NodeKind::kDriver || kind == NodeKind::kKernelThread;
}

std::string_view basename_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// First pass: replaces every field that is a secret as a whole, which also
// teaches the pseudonyms what to look for in free text.
class FieldRedactor {
 public:
  explicit FieldRedactor(Pseudonyms& names) : names_(names) {}

  void operator()(VfioContainerFacts& facts) {
    for (auto& user : facts.dma_users) user.comm = names_.of("program", user.comm);
  }
  void operator()(MmFacts& facts) { facts.owner_comm = names_.of("program", facts.owner_comm); }
  void operator()(FileFacts& facts) { facts.path = path(facts.path); }
  void operator()(OpenFileFacts& facts) { facts.path = path(facts.path); }
  void operator()(ProcessFacts& facts) {
    auto& vm = facts.vm;
    vm.name = names_.of("name", vm.name);
    vm.uuid = names_.of("uuid", vm.uuid);
    facts.pod = names_.of("pod", facts.pod);
    facts.pod_name = names_.of("pod", facts.pod_name);
    facts.unit = names_.of("unit", facts.unit);
    facts.cgroup = names_.of("cgroup", facts.cgroup);
    const auto& line = facts.command_line;
    names_.of("program", basename_of(line.substr(0, line.find(' '))));
    facts.command_line = names_.of("command", line);
    if (!kernel_thread_) facts.comm = names_.of("program", facts.comm);
  }
  template <class Other>
  void operator()(Other& /*facts*/) {}

  void ledger(LedgerBook& ledger) {
    for (auto& entry : ledger.entries) {
      task(entry.taken);
      task(entry.dropped);
    }
    for (auto& sum : ledger.sums) {
      for (auto& stack : sum.stacks) task(stack.last);
    }
    for (auto& close : ledger.closes) task(close.last);
    for (auto& removal : ledger.removals) task(removal.task);
  }

  template <class Vm>  // Domain, PastRun
  void vm(Vm& vm) {
    vm.name = names_.of("name", vm.name);
    vm.uuid = names_.of("uuid", vm.uuid);
    for (auto& device : vm.host_devices) device.mdev_uuid = names_.of("uuid", device.mdev_uuid);
    for (auto& disk : vm.disks) disk = path(disk);
  }

  void node(Node& node) {
    kernel_thread_ = node.kind == NodeKind::kKernelThread;
    std::visit(*this, node.facts);
  }

 private:
  void task(LedgerTask& task) { task.comm = names_.of("program", task.comm); }

  std::string path(const std::string& original) {
    auto name = names_.of_path(original);
    if (name != original) {
      const auto base = basename_of(original);
      names_.of("file", base.substr(0, base.find(" (deleted)")));
    }
    return name;
  }

  Pseudonyms& names_;
  bool kernel_thread_ = false;
};

// Second pass: free text and ids, once all secrets are known.
class TextRedactor {
 public:
  explicit TextRedactor(Pseudonyms& names) : names_(names) {}

  void book(Book& book) {
    for (auto& node : book.nodes) this->node(node);
    for (auto& reference : book.references) {
      id(reference.holder);
      id(reference.held);
      text(reference.detail);
    }
    for (auto& task : book.closing_tasks) stack(task.stack);
    for (auto& task : book.waiting_tasks) {
      stack(task.stack);
      text(task.device);
    }
    for (auto& loss : book.losses) text(loss.what);
    if (book.ledger) ledger(*book.ledger);
  }

  void management(Management& management) {
    for (auto& run : management.past_runs) {
      text(run.where);
      text(run.end_reason);
    }
    for (auto& loss : management.losses) text(loss.what);
  }

  void pci_function(PciFunction& function) {
    for (auto& parking : function.parking) text(parking.text);
    for (auto& message : function.driver_messages) text(message.text);
    for (auto& use : function.host_uses) text(use.text);
  }

  void operator()(KvmFacts& facts) {
    id(facts.mm);
    text(facts.stats_id);
    text(facts.debugfs_name);
  }
  void operator()(VfioGroupFacts& facts) {
    id(facts.iommu_group);
    id(facts.open_file);
    id(facts.kvm);
    id(facts.container);
  }
  void operator()(VfioDeviceFacts& facts) {
    // The device name of a mediated device is a UUID.
    text(facts.pci_address);
    id(facts.group);
    id(facts.kvm);
  }
  void operator()(VfioContainerFacts& facts) {
    for (auto& user : facts.dma_users) id(user.mm);
  }
  void operator()(IommuGroupFacts& facts) {
    for (auto& member : facts.members) text(member.address);
    id(facts.owner);
  }
  void operator()(ProcessFacts& facts) { id(facts.mm); }
  template <class Other>
  void operator()(Other& /*facts*/) {}

  void text(std::string& value) { value = names_.scrub(value); }

 private:
  void node(Node& node) {
    id(node.id);
    if (!is_named_by_kernel(node.kind)) text(node.name);
    std::visit(*this, node.facts);
  }

  // Functions and modules are named by the kernel.
  void ledger(LedgerBook& ledger) {
    for (auto& entry : ledger.entries) {
      id(entry.held);
      id(entry.holder);
      text(entry.holder_text);
      stack(entry.stack);
    }
    for (auto& sum : ledger.sums) {
      id(sum.held);
      for (auto& candidate : sum.stacks) stack(candidate.frames);
    }
    for (auto& close : ledger.closes) id(close.file);
    for (auto& removal : ledger.removals) {
      id(removal.device);
      stack(removal.stack);
    }
    for (auto& totals : ledger.dma) id(totals.container);
  }

  void stack(std::vector<std::string>& frames) {
    for (auto& frame : frames) {
      if (!is_kernel_function(frame)) text(frame);
    }
  }

  void id(NodeId& value) {
    const auto colon = value.find(':');
    if (colon == std::string::npos) return;
    const auto kind = node_kind_from(std::string_view(value).substr(0, colon));
    if (kind && is_named_by_kernel(*kind)) return;
    value = value.substr(0, colon + 1) + names_.scrub(local_id(value));
  }

  Pseudonyms& names_;
};

}  // namespace

Snapshot redact(Snapshot snapshot) {
  Pseudonyms names;
  snapshot.host.hostname = names.of("host", snapshot.host.hostname);
  FieldRedactor fields(names);
  for (auto& book : snapshot.samples) {
    for (auto& node : book.nodes) fields.node(node);
    for (auto& task : book.closing_tasks) {
      if (!task.kernel_thread) task.comm = names.of("program", task.comm);
    }
    for (auto& task : book.waiting_tasks) task.comm = names.of("program", task.comm);
    if (book.ledger) fields.ledger(*book.ledger);
  }
  for (auto& domain : snapshot.management.domains) {
    fields.vm(domain);
    for (auto& interface : domain.interfaces) interface = names.of("interface", interface);
  }
  for (auto& run : snapshot.management.past_runs) fields.vm(run);
  TextRedactor texts(names);
  for (auto& book : snapshot.samples) texts.book(book);
  texts.management(snapshot.management);
  for (auto& function : snapshot.pci_functions) texts.pci_function(function);
  for (auto& family : snapshot.coverage.families) {
    texts.text(family.program);
    texts.text(family.lost_without);
  }
  texts.text(snapshot.versions.qemu);
  texts.text(snapshot.versions.libvirt);
  return snapshot;
}

}  // namespace vmleak
