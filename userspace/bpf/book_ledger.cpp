// SPDX-License-Identifier: Apache-2.0
//
// The ledger's part of a book: what it says in the book's own words, and
// eventfds, which nothing else leads to.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/book_parts.h"
#include "bpf/ledger_book.h"
#include "bpf/ledger_classes.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

constexpr std::string_view kRemoval = "vfio_unregister_group_dev";

constexpr std::array kEventfdClasses = std::to_array<std::pair<std::uint32_t, std::string_view>>({
    {VMLEAK_EVENTFD_VHOST, "eventfd/vhost"},
    {VMLEAK_EVENTFD_IRQFD, "eventfd/irqfd"},
    {VMLEAK_EVENTFD_RESAMPLER, "eventfd/resampler"},
    {VMLEAK_EVENTFD_IOEVENTFD, "eventfd/ioeventfd"},
    {VMLEAK_EVENTFD_VFIO_TRIGGER, "eventfd/vfio-trigger"},
    {VMLEAK_EVENTFD_VFIO_WAKE, "eventfd/vfio-wake"},
});

}  // namespace

void BookParts::add_eventfds() {
  for (const auto& record : records_.eventfds) {
    EventfdFacts facts;
    facts.number = record.id;
    auto& eventfd = node(NodeKind::kEventfd, record.context, std::to_string(record.id), facts);
    eventfd.name = fmt::format("eventfd {}", record.id);
    // Its number goes to another one when it is gone, as may its address.
    eventfd.instance = hash(fmt::format("eventfd/{}", record.id), record.context, 16);
    eventfd.counters = {{"kref", record.kref, 0}};
  }
}

NodeId BookParts::holder_of_kvm_vfio(std::uint64_t device) const {
  // Released with the device's file; without one the VM itself keeps it.
  if (const auto file = device_files_.find(device); file != device_files_.end()) {
    return file->second;
  }
  const auto kvm = records_.kvm_of_device.find(device);
  return kvm == records_.kvm_of_device.end() ? NodeId() : id_of(kvm->second);
}

NodeId BookParts::holder_of(const vmleak_ledger_key& key, const vmleak_ledger_entry& entry) const {
  const auto token = key.token[0];
  const auto* cls = find_ledger_class(key.cls);
  switch (cls == nullptr ? LedgerToken::kObject : cls->token) {
    case LedgerToken::kFile:
    case LedgerToken::kObject:
      return id_of(token);
    case LedgerToken::kKvmVfio:
      for (const auto& record : records_.kvm_vfios) {
        if (record.kvm_vfio == token) return holder_of_kvm_vfio(record.device);
      }
      return {};
    case LedgerToken::kVhostDevice:
      for (const auto& vhost : records_.vhosts) {
        if (vhost.device == token) return id_of(vhost.file);
      }
      return {};
    case LedgerToken::kVirtqueue:
      for (const auto& hold : records_.holds) {
        const auto wanted = key.cls == VMLEAK_LEDGER_FILE_VHOST_KICK ? VMLEAK_HOLD_VHOST_KICK
                                                                     : VMLEAK_HOLD_VHOST_BACKEND;
        if (hold.hold == wanted && hold.file.file == entry.held) return id_of(hold.holder);
      }
      return {};
    case LedgerToken::kEventfd:
      for (const auto& hold : records_.eventfd_holds) {
        const bool is_doorbell = hold.hold == VMLEAK_EVENTFD_IOEVENTFD;
        if (is_doorbell && hold.context == token) return id_of(hold.holder);
      }
      return {};
  }
  return {};
}

// A trigger that stays in a device which nobody has open any more is what a
// close forgot, and no holder.
bool BookParts::is_left_trigger(const vmleak_eventfd_hold_record& hold) const {
  return hold.hold == VMLEAK_EVENTFD_VFIO_TRIGGER &&
         std::any_of(records_.vfio_devices.begin(), records_.vfio_devices.end(),
                     [&hold](const auto& device) {
                       return device.device == hold.holder && device.open_count == 0;
                     });
}

void BookParts::add_eventfd_holders() {
  for (const auto& hold : records_.eventfd_holds) {
    if (is_left_trigger(hold)) continue;
    const auto* row = std::find_if(kEventfdClasses.begin(), kEventfdClasses.end(),
                                   [&hold](const auto& entry) { return entry.first == hold.hold; });
    if (row == kEventfdClasses.end()) continue;
    refer(id_of(hold.holder), id_of(hold.context), row->second);
  }
}

bool BookParts::removes_device(std::uint32_t tid) const {
  return std::any_of(records_.tasks.begin(), records_.tasks.end(), [&](const auto& record) {
    if (record.task.tid != tid) return false;
    const auto names = function_names(record.stack);
    return std::any_of(names.begin(), names.end(),
                       [](const auto& name) { return name.starts_with(kRemoval); });
  });
}

std::set<std::pair<NodeId, std::string>> BookParts::unexplained_counters() const {
  std::map<std::pair<NodeId, std::string>, std::int64_t> explained;
  for (const auto& reference : book_.references) {
    if (reference.certain) explained[{reference.held, reference.counter}] += reference.count;
  }
  std::set<std::pair<NodeId, std::string>> out;
  for (const auto& node : book_.nodes) {
    for (const auto& counter : node.counters) {
      if (counter.value > explained[{node.id, counter.name}]) out.emplace(node.id, counter.name);
    }
  }
  return out;
}

// Counters that go down late (after a grace period, say) look forgotten to a
// hook, and so does one that another take raised again at that moment.
std::vector<vmleak_ledger_key> BookParts::add_ledger() {
  if (!records_.ledger) return {};
  LedgerNames names;
  names.id_of = [this](std::uint64_t address) { return id_of(address); };
  names.holder_of = [this](const auto& key, const auto& entry) { return holder_of(key, entry); };
  names.container_of = [this](std::uint64_t iommu) {
    for (const auto& container : records_.vfio_containers) {
      if (container.iommu_data == iommu) return id_of(container.container);
    }
    return NodeId();
  };
  names.removes_device = [this](std::uint32_t tid) { return removes_device(tid); };
  names.describe_function = [this](std::uint64_t address) {
    return options_.describe_function ? options_.describe_function(address) : std::string("?");
  };
  names.boot_to_real_ns = options_.boot_to_real_ns;
  names.families = options_.ledger_families;
  auto ledger = *records_.ledger;
  std::vector<vmleak_ledger_key> refuted;
  const auto unexplained = unexplained_counters();
  std::erase_if(ledger.entries, [&](const auto& row) {
    const auto& [key, entry] = row;
    const auto* cls = find_ledger_class(key.cls);
    const auto* reference = cls == nullptr ? nullptr : find_reference_class(cls->name);
    if (reference == nullptr || entry.state != VMLEAK_ENTRY_FORGOTTEN) return false;
    const NodeId held = id_of(entry.held);
    if (held.empty() || unexplained.contains({held, std::string(reference->counter)})) return false;
    refuted.push_back(key);
    return true;
  });
  book_.ledger = build_ledger_book(ledger, names);
  for (auto& loss : ledger_losses(*records_.ledger, names.families)) {
    book_.losses.push_back(std::move(loss));
  }
  return refuted;
}

}  // namespace vmleak
