// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_lives.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace vmleak {
namespace {

// No counter of anything real is larger: memory that is something else is.
constexpr std::int64_t kMostReferences = 1 << 24;

enum class Life {
  kPresent,
  kEarlier,  // its object is gone
  kUnclear,  // its object may be on its way out, or could not be read
};

auto order_of(const vmleak_ledger_key& key) {
  return std::tuple(key.cls, key.token[0], key.token[1], key.slot);
}

struct KeyOrder {
  bool operator()(const vmleak_ledger_key& a, const vmleak_ledger_key& b) const {
    return order_of(a) < order_of(b);
  }
};

bool is_plausible(std::int64_t references) {
  return references > 0 && references < kMostReferences;
}

bool is_same_reference(const vmleak_ledger_entry& a, const vmleak_ledger_entry& b) {
  return a.held == b.held && a.generation == b.generation && a.state == b.state &&
         a.taken.time_ns == b.taken.time_ns;
}

bool is_type_of(const LedgerClass& cls, std::uint32_t type) {
  return cls.file_type == VMLEAK_FILE_OTHER || type == cls.file_type ||
         (cls.file_type2 != VMLEAK_FILE_OTHER && type == cls.file_type2);
}

// What the walk found at the addresses that entries name.
class Walked {
 public:
  Walked(const KernelRecords& records, const LedgerRecords& ledger) : ledger_(ledger) {
    // The later ones were read later.
    for (const auto& file : records.files) files_[file.file] = &file;
    for (const auto& mapping : records.mappings) files_[mapping.file.file] = &mapping.file;
    for (const auto& hold : records.holds) {
      files_[hold.file.file] = &hold.file;
      if (hold.hold == VMLEAK_HOLD_PENDING_FPUT) pending_.insert(hold.file.file);
    }
    for (const auto& fd : records.fds) {
      files_[fd.file.file] = &fd.file;
      if (fd.tgid == records.own_tgid) own_.insert(fd.file.object);
    }
    for (const auto& kvm : records.kvms) counts_[kvm.kvm] = kvm.users_count;
    for (const auto& mm : records.mms) counts_[mm.mm] = mm.mm_users;
    for (const auto& group : records.vfio_groups) counts_[group.group] = group.drivers + 1;
    for (const auto& device : records.vfio_devices) counts_[device.device] = device.refcount;
    for (const auto& container : records.vfio_containers) {
      counts_[container.container] = container.kref;
    }
    for (const auto& eventfd : records.eventfds) eventfds_[eventfd.context] = &eventfd;
    closing_ = std::any_of(records.tasks.begin(), records.tasks.end(), [](const auto& task) {
      return task.task.closing != VMLEAK_CLOSING_NONE;
    });
  }

  [[nodiscard]] Life life_of(const vmleak_ledger_key& key, const vmleak_ledger_entry& entry) const {
    const auto* cls = find_ledger_class(key.cls);
    if (cls == nullptr) return Life::kUnclear;
    if (cls->held == NodeKind::kKvm && !is_of_this_vm(entry, ledger_)) return Life::kEarlier;
    switch (cls->life) {
      case LedgerLife::kTokenFile:
        if (entry.state == VMLEAK_ENTRY_FORGOTTEN) return by_count(entry.held);
        return by_file(key.token[0], entry, *cls);
      case LedgerLife::kHeldFile:
        return by_file(entry.held, entry, *cls);
      case LedgerLife::kEventfd:
        return by_eventfd(entry);
      case LedgerLife::kKvm:
      case LedgerLife::kContainer:
      case LedgerLife::kMm:
        return by_count(entry.held);
    }
    return Life::kUnclear;
  }

  [[nodiscard]] bool proven_by_file(const vmleak_ledger_key& key,
                                    const vmleak_ledger_entry& entry) const {
    const auto* cls = find_ledger_class(key.cls);
    if (cls == nullptr || cls->life != LedgerLife::kTokenFile) return false;
    const auto file = files_.find(key.token[0]);
    return file != files_.end() && proves(*file->second, entry, *cls);
  }

 private:
  [[nodiscard]] Life by_file(std::uint64_t address, const vmleak_ledger_entry& entry,
                             const LedgerClass& cls) const {
    const auto found = files_.find(address);
    if (found == files_.end()) return Life::kUnclear;
    const auto& file = *found->second;
    if (proves(file, entry, cls)) return Life::kPresent;
    const bool keeps = cls.life == LedgerLife::kHeldFile || file.object == entry.held;
    if (!is_type_of(cls, file.file_type) || !keeps) return Life::kEarlier;
    // Without references: its release has not run yet, or was not seen.
    if (pending_.contains(address)) return Life::kPresent;
    return closing_ ? Life::kUnclear : Life::kEarlier;
  }

  [[nodiscard]] Life by_count(std::uint64_t address) const {
    const auto count = counts_.find(address);
    if (count == counts_.end()) return Life::kUnclear;
    return is_plausible(count->second) ? Life::kPresent : Life::kEarlier;
  }

  [[nodiscard]] Life by_eventfd(const vmleak_ledger_entry& entry) const {
    const auto found = eventfds_.find(entry.held);
    if (found == eventfds_.end()) return Life::kUnclear;
    // Numbers are given again, lowest first; what this process made just now is
    // nothing that anybody took before.
    const bool same = static_cast<std::uint64_t>(found->second->id) == entry.generation &&
                      !own_.contains(entry.held);
    return same && is_plausible(found->second->kref) ? Life::kPresent : Life::kEarlier;
  }

  const LedgerRecords& ledger_;
  std::unordered_map<std::uint64_t, const vmleak_file*> files_;
  std::unordered_map<std::uint64_t, std::int64_t> counts_;
  std::unordered_map<std::uint64_t, const vmleak_eventfd_record*> eventfds_;
  std::set<std::uint64_t> own_;      // objects of this process' files
  std::set<std::uint64_t> pending_;  // files that wait for their __fput
  bool closing_ = false;             // somebody is closing files
};

// Takes out of the records what is at one of `addresses`, and what is known
// only because of it.
void forget(KernelRecords& records, const std::set<std::uint64_t>& addresses) {
  const auto gone = [&addresses](std::uint64_t address) { return addresses.contains(address); };
  std::set<std::uint64_t> holders = addresses;
  std::erase_if(records.kvm_of_device, [&](const auto& device) {
    if (!gone(device.second)) return false;
    holders.insert(device.first);
    return true;
  });
  std::erase_if(records.kvm_vfios,
                [&](const auto& record) { return holders.contains(record.device); });
  std::erase_if(records.holds, [&](const auto& hold) { return holders.contains(hold.holder); });
  std::erase_if(records.files, [&](const auto& file) { return gone(file.file); });
  std::erase_if(records.kvms, [&](const auto& record) { return gone(record.kvm); });
  std::erase_if(records.mms, [&](const auto& record) { return gone(record.mm); });
  std::erase_if(records.vhosts, [&](const auto& record) { return gone(record.file); });
  std::erase_if(records.eventfds, [&](const auto& record) { return gone(record.context); });
  std::erase_if(records.vfio_groups, [&](const auto& record) { return gone(record.group); });
  std::erase_if(records.vfio_devices,
                [&](const auto& record) { return gone(record.device) || gone(record.group); });
  std::erase_if(records.vfio_containers,
                [&](const auto& record) { return gone(record.container); });
  std::erase_if(records.dma_users, [&](const auto& record) { return gone(record.container); });
}

}  // namespace

bool is_of_this_vm(const vmleak_ledger_entry& entry, const LedgerRecords& ledger) {
  if (entry.generation == 0) return true;  // there was no room to number it
  return std::any_of(ledger.objects.begin(), ledger.objects.end(), [&entry](const auto& object) {
    return object.first == entry.held && object.second.generation == entry.generation;
  });
}

bool proves(const vmleak_file& file, const vmleak_ledger_entry& entry, const LedgerClass& cls) {
  if (file.f_count <= 0 || !is_type_of(cls, file.file_type)) return false;
  return cls.life == LedgerLife::kHeldFile || file.object == entry.held;
}

void confirm_ledger(KernelRecords& records, const LedgerRecords& before, LedgerRecords after,
                    const std::set<std::uint64_t>& reached) {
  std::map<vmleak_ledger_key, const vmleak_ledger_entry*, KeyOrder> earlier;
  for (const auto& [key, entry] : before.entries) earlier.emplace(key, &entry);
  const Walked walked(records, after);
  auto unnamed = reached;
  std::erase_if(after.entries, [&](const auto& row) {
    const auto& [key, entry] = row;
    const auto same = earlier.find(key);
    auto life = Life::kUnclear;
    if (same != earlier.end() && is_same_reference(*same->second, entry)) {
      life = walked.life_of(key, entry);
      if (life == Life::kEarlier) records.earlier_lives.push_back(key);
    } else if (entry.state == VMLEAK_ENTRY_OUT && walked.proven_by_file(key, entry)) {
      life = Life::kPresent;  // taken while the walk went on, which saw it
    }
    if (life != Life::kPresent) return true;
    for (const auto address : {key.token[0], key.token[1], entry.held}) {
      unnamed.erase(address);
    }
    return false;
  });
  forget(records, unnamed);
  records.ledger = std::move(after);
}

}  // namespace vmleak
