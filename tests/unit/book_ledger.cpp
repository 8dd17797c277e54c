// SPDX-License-Identifier: Apache-2.0
// The ledger of a TestHost.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "book_fixture.h"
#include "model/reference_class.h"

namespace vmleak::testing {
namespace {

constexpr std::array kClasses = std::to_array<std::string_view>(
    {"kvm/vm-file", "kvm/vcpu-file", "kvm/device-file", "kvm/vm-stats-file", "kvm/vfio-device",
     "vfio-device/file", "vfio-group/file", "vfio-container/file", "vfio-container/group",
     "file/vfio-device-open", "file/kvm-vfio", "mm/vhost", "eventfd/vfio-trigger", "eventfd/irqfd",
     "eventfd/ioeventfd"});

bool has_class(std::string_view cls) {
  return std::find(kClasses.begin(), kClasses.end(), cls) != kClasses.end();
}

LedgerTask task(std::int64_t pid, std::uint64_t ago_ns) {
  return {pid, pid, "qemu-system-x86", kNow - ago_ns};
}

}  // namespace

void TestHost::arm() {
  ledger_.emplace();
  ledger_->armed_ns = kNow - 3 * 3600 * kSecond;
  ledger_->complete_classes.assign(kClasses.begin(), kClasses.end());
}

LedgerEntry& TestHost::record(std::string_view cls, const NodeId& held, const NodeId& holder,
                              std::int64_t pid, std::uint64_t ago_ns) {
  LedgerEntry entry;
  entry.cls = cls;
  entry.held = held;
  entry.holder = holder;
  if (holder.empty()) entry.holder_text = "a file";
  entry.taken = task(pid, ago_ns);
  entry.function = find_reference_class(cls)->taken_in;
  entry.stack = {entry.function + " [module]", "do_syscall_64"};
  ledger_->entries.push_back(std::move(entry));
  return ledger_->entries.back();
}

void TestHost::record_all(std::int64_t pid) {
  for (const auto& reference : references_) {
    const bool known = std::any_of(
        ledger_->entries.begin(), ledger_->entries.end(), [&](const LedgerEntry& entry) {
          return entry.cls == reference.cls && entry.held == reference.held &&
                 entry.holder == reference.holder;
        });
    if (known || !has_class(reference.cls)) continue;
    record(reference.cls, reference.held, reference.holder, pid).references = reference.count;
  }
}

LedgerEntry& TestHost::forgets(std::string_view cls, const NodeId& held, std::int64_t pid) {
  auto& entry = record(cls, held, "", pid);
  entry.state = EntryState::kForgotten;
  entry.dropped = task(pid, 600 * kSecond);
  unexplained(held, find_reference_class(cls)->counter, 1);
  return entry;
}

CallerSum& TestHost::outside(const NodeId& vm, std::string_view function, std::string_view module,
                             std::int64_t gets, std::int64_t puts) {
  CallerSum sum{vm, "users_count", std::string(function), std::string(module), false, gets, puts,
                {}};
  const auto frame = std::string(function) + " [" + std::string(module) + "]";
  if (gets > 0) sum.stacks.push_back({gets, false, {frame, "get_way"}, task(77, 60 * kSecond)});
  if (puts > 0) sum.stacks.push_back({puts, true, {frame, "put_way"}, task(78, 30 * kSecond)});
  ledger_->sums.push_back(std::move(sum));
  return ledger_->sums.back();
}

NodeId TestHost::eventfd(std::int64_t number, const NodeId& file) {
  auto& node = add(NodeKind::kEventfd, std::to_string(number), EventfdFacts{number}, {"kref"});
  node.name = "eventfd " + std::to_string(number);
  hold(file, node.id, "eventfd/file");
  return node.id;
}

bool TestHost::has_reference(const LedgerEntry& entry) const {
  return std::any_of(references_.begin(), references_.end(), [&](const Reference& reference) {
    return reference.cls == entry.cls && reference.held == entry.held &&
           reference.holder == entry.holder;
  });
}

// Entries whose reference was given back are gone, and the book does not name
// what it does not have.
std::optional<LedgerBook> TestHost::kept_ledger() const {
  auto out = ledger_;
  if (!out) return out;
  std::erase_if(out->entries, [this](const LedgerEntry& entry) {
    if (!entry.held.empty() && !has(entry.held)) return true;
    return entry.state != EntryState::kForgotten && !entry.holder.empty() && !has_reference(entry);
  });
  for (auto& entry : out->entries) {
    if (!has(entry.holder)) entry.holder.clear();
  }
  return out;
}

}  // namespace vmleak::testing
