// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_book.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "attach/attach_plan.h"
#include "bpf/ledger_classes.h"
#include "bpf/ledger_lives.h"

namespace vmleak {
namespace {

// "kvm_vm_ioctl [kvm]" -> "kvm_vm_ioctl", "kvm".
std::pair<std::string, std::string> split_frame(const std::string& frame) {
  const auto space = frame.find(" [");
  if (space == std::string::npos) return {frame, {}};
  return {frame.substr(0, space), frame.substr(space + 2, frame.size() - space - 3)};
}

class LedgerBookBuilder {
 public:
  LedgerBookBuilder(const LedgerRecords& records, const LedgerNames& names)
      : records_(records), names_(names) {}

  LedgerBook build() {
    book_.armed_ns = real_time(records_.meta.armed_ns);
    book_.complete_classes = complete_classes();
    for (const auto& [key, entry] : records_.entries) add_entry(key, entry);
    for (const auto& [key, sum] : records_.sums) add_sum(key, sum);
    add_closes();
    add_removals();
    add_dma();
    return std::move(book_);
  }

 private:
  [[nodiscard]] std::uint64_t real_time(std::uint64_t boot_ns) const {
    return boot_ns == 0 ? 0 : boot_ns + static_cast<std::uint64_t>(names_.boot_to_real_ns);
  }

  [[nodiscard]] LedgerTask task_of(const vmleak_ledger_task& task) const {
    const auto* end = std::find(std::begin(task.comm), std::end(task.comm), '\0');
    return {task.tgid, task.tid, std::string(std::begin(task.comm), end), real_time(task.time_ns)};
  }

  [[nodiscard]] std::vector<std::string> stack_of(std::span<const __u64> stack,
                                                  std::size_t depth) const {
    std::vector<std::string> frames;
    for (const auto address : stack.first(std::min(depth, stack.size()))) {
      frames.push_back(names_.describe_function(address));
    }
    return kernel_frames(std::move(frames));
  }

  [[nodiscard]] std::vector<std::string> complete_classes() const {
    constexpr std::array kFatal = {VMLEAK_COUNT_OVERFLOW, VMLEAK_COUNT_REFUSED,
                                   VMLEAK_COUNT_UNREADABLE};
    std::vector<std::string> classes;
    const bool lost = std::any_of(kFatal.begin(), kFatal.end(),
                                  [this](auto count) { return records_.counts.at(count) != 0; });
    if (lost || records_.skipped != 0) return classes;
    for (const auto& family : records_.families) {
      if (ledger_tier({family}) != Tier::kFull) continue;
      const auto row = std::find_if(names_.families.begin(), names_.families.end(),
                                    [&family](const auto& it) { return it.name == family.name; });
      if (row == names_.families.end()) continue;
      classes.insert(classes.end(), row->classes.begin(), row->classes.end());
    }
    return classes;
  }

  void add_entry(const vmleak_ledger_key& key, const vmleak_ledger_entry& record) {
    const auto* cls = find_ledger_class(key.cls);
    if (cls == nullptr) return;
    LedgerEntry entry;
    entry.held = names_.id_of(record.held);
    if (entry.held.empty()) return;
    entry.cls = cls->name;
    entry.references = record.references;
    if (record.state == VMLEAK_ENTRY_PREEXISTING) entry.state = EntryState::kPreexisting;
    if (record.state == VMLEAK_ENTRY_FORGOTTEN) entry.state = EntryState::kForgotten;
    // Of a trigger it is the device that is asked whether it should be gone.
    const bool is_trigger = key.cls == VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER;
    if (is_trigger || entry.state != EntryState::kForgotten) {
      entry.holder = names_.holder_of(key, record);
    }
    if (is_trigger || entry.holder.empty()) entry.holder_text = holder_text(*cls, key);
    if (entry.state != EntryState::kPreexisting) add_origin(*cls, record, entry);
    entry.dropped = task_of(record.dropped);
    book_.entries.push_back(std::move(entry));
  }

  void add_origin(const LedgerClass& cls, const vmleak_ledger_entry& record, LedgerEntry& entry) {
    // What was there at arming and was forgotten since has no origin either.
    if (record.taken.time_ns == 0) return;
    entry.taken = task_of(record.taken);
    entry.stack = stack_of(record.stack, record.stack_depth);
    entry.function = taking_function(cls, entry.stack);
  }

  void add_sum(const vmleak_ledger_sum_key& key, const vmleak_ledger_sum& record) {
    vmleak_ledger_entry object{};
    object.held = key.object;
    object.generation = key.generation;
    const NodeId held = names_.id_of(key.object);
    if (held.empty() || !is_of_this_vm(object, records_)) return;
    const auto [function, module] = split_frame(names_.describe_function(key.caller));
    const bool at_or_below = key.at_or_below != 0;
    const auto [position, is_new] =
        sums_.try_emplace({held, function, module, at_or_below}, book_.sums.size());
    if (is_new)
      book_.sums.push_back({held, "users_count", function, module, at_or_below, 0, 0, {}});
    auto& sum = book_.sums[position->second];
    const auto count = static_cast<std::int64_t>(record.count);
    (key.is_put != 0 ? sum.puts : sum.gets) += count;
    sum.stacks.push_back(
        {count, key.is_put != 0, stack_of(record.stack, record.stack_depth), task_of(record.last)});
  }

  void add_closes() {
    for (const auto& [inode, close] : records_.closes) {
      const NodeId file = names_.id_of(inode);
      if (file.empty()) continue;
      book_.closes.push_back({file, static_cast<std::int64_t>(close.count), task_of(close.last)});
    }
  }

  // Nothing says when a removal ends, except that its task has left it.
  void add_removals() {
    for (const auto& [device, removal] : records_.removals) {
      const NodeId id = names_.id_of(device);
      if (id.empty() || !names_.removes_device(removal.task.tid)) continue;
      book_.removals.push_back({id, task_of(removal.task), removal.refcount,
                                stack_of(removal.stack, removal.stack_depth)});
    }
  }

  void add_dma() {
    for (const auto& [iommu, dma] : records_.dma) {
      const NodeId container = names_.container_of(iommu);
      if (container.empty()) continue;
      book_.dma.push_back({container, dma.mapped_bytes, dma.unmapped_bytes, dma.maps, dma.unmaps});
    }
  }

  const LedgerRecords& records_;
  const LedgerNames& names_;
  LedgerBook book_;
  std::map<std::tuple<NodeId, std::string, std::string, bool>, std::size_t> sums_;  // in book_.sums
};

}  // namespace

LedgerBook build_ledger_book(const LedgerRecords& records, const LedgerNames& names) {
  return LedgerBookBuilder(records, names).build();
}

}  // namespace vmleak
