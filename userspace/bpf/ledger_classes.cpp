// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/reference_class.h"

namespace vmleak {
namespace {

using enum NodeKind;
using Token = LedgerToken;
using Life = LedgerLife;

constexpr std::string_view kClosed = "a file that was closed";

constexpr std::uint32_t kAny = VMLEAK_FILE_OTHER;

constexpr LedgerClass file_class(vmleak_ledger_class cls, std::string_view name, NodeKind held,
                                 std::uint32_t type, std::string_view taken_in = {}) {
  return {cls, name, held, Token::kFile, Life::kTokenFile, type, kAny, kClosed, taken_in};
}

constexpr std::array kLedgerClasses = std::to_array<LedgerClass>({
    file_class(VMLEAK_LEDGER_KVM_VM_FILE, "kvm/vm-file", kKvm, VMLEAK_FILE_KVM_VM),
    file_class(VMLEAK_LEDGER_KVM_VCPU_FILE, "kvm/vcpu-file", kKvm, VMLEAK_FILE_KVM_VCPU),
    file_class(VMLEAK_LEDGER_KVM_DEVICE_FILE, "kvm/device-file", kKvm, VMLEAK_FILE_KVM_DEVICE),
    file_class(VMLEAK_LEDGER_KVM_VM_STATS_FILE, "kvm/vm-stats-file", kKvm,
               VMLEAK_FILE_KVM_VM_STATS),
    file_class(VMLEAK_LEDGER_KVM_VCPU_STATS_FILE, "kvm/vcpu-stats-file", kKvm,
               VMLEAK_FILE_KVM_VCPU_STATS),
    file_class(VMLEAK_LEDGER_KVM_GUEST_MEMFD_FILE, "kvm/guest-memfd-file", kKvm,
               VMLEAK_FILE_KVM_GUEST_MEMFD),
    {VMLEAK_LEDGER_KVM_DEBUGFS_FILE, "kvm/debugfs-file", kKvm, Token::kFile, Life::kTokenFile,
     VMLEAK_FILE_KVM_DEBUGFS, VMLEAK_FILE_KVM_DEBUGFS_MMU, kClosed, "kvm_stat_data_open",
     "kvm_mmu_rmaps_stat_open"},
    file_class(VMLEAK_LEDGER_VFIO_DEVICE_FILE, "vfio-device/file", kVfioDevice,
               VMLEAK_FILE_VFIO_DEVICE),
    file_class(VMLEAK_LEDGER_VFIO_GROUP_FILE, "vfio-group/file", kVfioGroup, VMLEAK_FILE_VFIO_GROUP,
               "vfio_group_fops_open"),
    file_class(VMLEAK_LEDGER_VFIO_CONTAINER_FILE, "vfio-container/file", kVfioContainer,
               VMLEAK_FILE_VFIO_CONTAINER, "vfio_fops_open"),
    {VMLEAK_LEDGER_KVM_VFIO_DEVICE, "kvm/vfio-device", kKvm, Token::kObject, Life::kKvm, kAny, kAny,
     "an open VFIO device", "vfio_device_get_kvm_safe"},
    {VMLEAK_LEDGER_FILE_KVM_VFIO, "file/kvm-vfio", kOpenFile, Token::kKvmVfio, Life::kHeldFile,
     VMLEAK_FILE_VFIO_GROUP, VMLEAK_FILE_VFIO_DEVICE, "a kvm-vfio device", "kvm_vfio_set_attr"},
    {VMLEAK_LEDGER_VFIO_CONTAINER_GROUP, "vfio-container/group", kVfioContainer, Token::kObject,
     Life::kContainer, kAny, kAny, "a VFIO group", "vfio_container_attach_group"},
    {VMLEAK_LEDGER_FILE_VFIO_DEVICE_OPEN, "file/vfio-device-open", kOpenFile, Token::kObject,
     Life::kHeldFile, VMLEAK_FILE_VFIO_GROUP, kAny, "an open VFIO device"},
    {VMLEAK_LEDGER_MM_VHOST, "mm/vhost", kMm, Token::kVhostDevice, Life::kMm, kAny, kAny,
     "a vhost device", "vhost_dev_set_owner"},
    {VMLEAK_LEDGER_FILE_VHOST_KICK, "file/vhost-kick", kOpenFile, Token::kVirtqueue,
     Life::kHeldFile, VMLEAK_FILE_EVENTFD, kAny, "a vhost queue", "vhost_net_ioctl"},
    {VMLEAK_LEDGER_FILE_VHOST_BACKEND, "file/vhost-backend", kOpenFile, Token::kVirtqueue,
     Life::kHeldFile, kAny, kAny, "a vhost queue", "vhost_net_ioctl"},
    {VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER, "eventfd/vfio-trigger", kEventfd, Token::kObject,
     Life::kEventfd, kAny, kAny, "VFIO trigger", "vfio_pci_set_irqs_ioctl"},
    {VMLEAK_LEDGER_EVENTFD_IRQFD, "eventfd/irqfd", kEventfd, Token::kObject, Life::kEventfd, kAny,
     kAny, "irqfd of a VM", "kvm_irqfd"},
    {VMLEAK_LEDGER_EVENTFD_IOEVENTFD, "eventfd/ioeventfd", kEventfd, Token::kEventfd,
     Life::kEventfd, kAny, kAny, "ioeventfd of a VM", "kvm_ioeventfd"},
});

// They make a file for whoever called them, which is what is asked for.
constexpr std::array<std::string_view, 2> kHelpers = {"anon_inode_get", "__anon_inode_get"};

// "kvm_vm_ioctl [kvm]" -> "kvm_vm_ioctl".
std::string_view function_of(std::string_view frame) { return frame.substr(0, frame.find(" [")); }

static_assert(kLedgerClasses.size() == VMLEAK_LEDGER_CLASSES - 1);

}  // namespace

std::span<const LedgerClass> ledger_classes() { return kLedgerClasses; }

const LedgerClass* find_ledger_class(std::uint32_t cls) {
  const auto* row = std::find_if(kLedgerClasses.begin(), kLedgerClasses.end(),
                                 [cls](const auto& entry) { return entry.cls == cls; });
  return row == kLedgerClasses.end() ? nullptr : row;
}

std::string taking_function(const LedgerClass& cls, const std::vector<std::string>& frames) {
  for (const auto name : {cls.taken_in, cls.or_taken_in}) {
    const auto is_it = [name](const std::string& frame) { return function_of(frame) == name; };
    if (!name.empty() && std::any_of(frames.begin(), frames.end(), is_it)) return std::string(name);
  }
  if (!cls.taken_in.empty()) return std::string(cls.taken_in);
  const auto maker = std::find_if(frames.begin(), frames.end(), [](const auto& frame) {
    return std::none_of(kHelpers.begin(), kHelpers.end(),
                        [&frame](auto prefix) { return frame.starts_with(prefix); });
  });
  if (maker != frames.end()) return std::string(function_of(*maker));
  const auto* reference = find_reference_class(cls.name);
  return reference == nullptr ? std::string() : std::string(reference->taken_in);
}

std::string holder_text(const LedgerClass& cls, const vmleak_ledger_key& key) {
  if (cls.cls != VMLEAK_LEDGER_EVENTFD_VFIO_TRIGGER) return std::string(cls.holder);
  return fmt::format("{} {}/{}", cls.holder, key.slot >> 16, key.slot & 0xffff);
}

}  // namespace vmleak
