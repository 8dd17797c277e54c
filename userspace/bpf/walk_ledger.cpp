// SPDX-License-Identifier: Apache-2.0
//
// What an armed ledger knows of and no list leads to: files that somebody keeps
// inside the kernel, what a forgotten reference keeps.
#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "base/pci_address.h"
#include "bpf/kernel_walker.h"
#include "bpf/ledger_classes.h"
#include "bpf/ledger_lives.h"

namespace vmleak {

std::optional<vmleak_file> KernelWalker::read_file(std::uint64_t address) {
  const auto before = records_.files.size();
  run(Run::kFile, address, 0, {NodeKind::kOpenFile});
  if (records_.files.size() == before) return std::nullopt;
  reached_.insert(address);
  return records_.files.back();
}

void KernelWalker::add_ledger_loss(const Error& error) {
  records_.losses.push_back({error.message, 1, {}, /*in_ledger=*/true});
}

void KernelWalker::learn_eventfd(std::uint64_t context) {
  if (context == 0 || !eventfds_.insert(context).second) return;
  run(Run::kEventfd, context, 0, {NodeKind::kEventfd});
  reached_.insert(context);
  if (auto done = programs_.watch_eventfd(context); !done) {
    add_loss(done.error().message, 1, {NodeKind::kEventfd});
  }
}

void KernelWalker::read_ledger() {
  if (!entries_.read_ledger) return;
  auto ledger = entries_.read_ledger();
  if (!ledger) return add_ledger_loss(ledger.error());
  ledger_ = std::move(*ledger);
  for (const auto& [key, entry] : ledger_->entries) {
    const auto* cls = find_ledger_class(key.cls);
    if (cls == nullptr) continue;
    if (cls->life == LedgerLife::kEventfd) learn_eventfd(entry.held);
    if (cls->life == LedgerLife::kHeldFile && cls->file_type == VMLEAK_FILE_EVENTFD) {
      const auto file = read_file(entry.held);
      if (file && proves(*file, entry, *cls)) learn_eventfd(file->object);
    }
  }
}

void KernelWalker::visit_held(const LedgerClass& cls, const vmleak_ledger_entry& entry) {
  switch (cls.held) {
    case NodeKind::kKvm:
      if (is_of_this_vm(entry, *ledger_) && entry.generation != 0 &&
          kvms_.insert(entry.held).second) {
        run(Run::kKvm, entry.held, 0, {NodeKind::kKvm});
      }
      return;
    case NodeKind::kVfioContainer:
      return learn_container(entry.held, /*may_be_gone=*/true);
    case NodeKind::kMm:
      learn_mm(entry.held, /*may_be_gone=*/true);
      return watch(entry.held);
    case NodeKind::kVfioDevice:
      if (vfio_devices_.insert(entry.held).second) {
        run(Run::kVfioDevice, entry.held, 0, {NodeKind::kVfioDevice});
      }
      return;
    default:
      return;
  }
}

void KernelWalker::visit_ledger() {
  if (!ledger_) return;
  const std::array known_before = {kvms_, vfio_groups_, vfio_devices_, containers_, mms_};
  auto known = files_;  // read already
  for (const auto& file : records_.files) known.insert(file.file);
  for (const auto& [key, entry] : ledger_->entries) {
    const auto* cls = find_ledger_class(key.cls);
    if (cls == nullptr) continue;
    const bool by_token =
        cls->life == LedgerLife::kTokenFile && entry.state != VMLEAK_ENTRY_FORGOTTEN;
    if (!by_token && cls->life != LedgerLife::kHeldFile) {
      visit_held(*cls, entry);
      continue;
    }
    const auto address = by_token ? key.token[0] : std::uint64_t(entry.held);
    if (!known.insert(address).second) continue;
    const auto file = read_file(address);
    if (file && proves(*file, entry, *cls)) learn_file(*file);
  }
  follow_new_files();
  const auto* before = known_before.begin();
  for (const auto* now : {&kvms_, &vfio_groups_, &vfio_devices_, &containers_, &mms_}) {
    std::set_difference(now->begin(), now->end(), before->begin(), before->end(),
                        std::inserter(reached_, reached_.end()));
    ++before;
  }
}

void KernelWalker::read_eventfd_holders() {
  if (eventfds_.empty()) return;
  const std::vector<NodeKind> kinds = {NodeKind::kEventfd};
  for (const auto& kvm : records_.kvms) {
    const auto holds = records_.eventfd_holds.size();
    repeat(
        false, "the eventfds of a virtual machine", kinds,
        [&] { run(Run::kKvmEventfds, kvm.kvm, 0, kinds); },
        [&] { records_.eventfd_holds.resize(holds); });
  }
  for (const auto& device : records_.vfio_devices) {
    // Other buses' devices are made otherwise.
    if (canonical_pci_address(device.name)) run(Run::kVfioEventfds, device.device, 0, kinds);
  }
}

void KernelWalker::confirm() {
  if (!ledger_) return;
  auto after = entries_.read_ledger();
  if (!after) {
    add_ledger_loss(after.error());
    // Without a second look nothing that only the ledger led to can be trusted.
    confirm_ledger(records_, *ledger_, LedgerRecords{}, reached_);
    records_.ledger.reset();
    return;
  }
  confirm_ledger(records_, *ledger_, std::move(*after), reached_);
}

}  // namespace vmleak
