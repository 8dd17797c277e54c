// SPDX-License-Identifier: Apache-2.0
#include "attach/ledger_families.h"

#include <algorithm>
#include <cstddef>
#include <set>

namespace vmleak {
namespace {

// A text as a template's argument.
template <std::size_t kSize>
struct Text {
  consteval Text(const char (&text)[kSize]) {  // NOLINT: implicit
    std::copy_n(static_cast<const char*>(text), kSize, characters.begin());
  }
  std::array<char, kSize> characters{};
};

template <Text kKind, Text kFunction>
struct Joined {
  static constexpr std::size_t kSize = kKind.characters.size() + kFunction.characters.size() - 2;
  static constexpr std::array<char, kSize> kText = [] {
    std::array<char, kSize> text{};
    auto* const rest =
        std::copy_n(kKind.characters.begin(), kKind.characters.size() - 1, text.begin());
    std::copy_n(kFunction.characters.begin(), kFunction.characters.size() - 1, rest);
    return text;
  }();
};

template <Text kKind, Text kFunction>
constexpr std::string_view kProgram{Joined<kKind, kFunction>::kText.data(),
                                    Joined<kKind, kFunction>::kSize};

template <Text kFunction>
constexpr Alternative kFentry{{kProgram<"fentry__", kFunction>}};
template <Text kFunction>
constexpr Alternative kFexit{{kProgram<"fexit__", kFunction>}};
template <Text kFunction>
constexpr Alternative kBoth{{kProgram<"fentry__", kFunction>, kProgram<"fexit__", kFunction>}};
template <Text kFunction>
constexpr Alternative kKprobe{{kProgram<"kprobe__", kFunction>}};
template <Text kFunction>
constexpr Alternative kKretprobe{{kProgram<"kretprobe__", kFunction>}};
template <Text kFunction>
constexpr Alternative kBothProbes{
    {kProgram<"kprobe__", kFunction>, kProgram<"kretprobe__", kFunction>}};

// What was taken is known when the function returns.
template <Text kFunction>
constexpr Side kTake{"take", {kFexit<kFunction>, kBothProbes<kFunction>}};
// The counter before and after; a kprobe sees only what comes before.
template <Text kFunction>
constexpr Side kDrop{"drop", {kBoth<kFunction>, kKprobe<kFunction>}};
// Takes and drops in one function: what was there before tells which it did.
template <Text kFunction>
constexpr Side kChange{"change", {kBoth<kFunction>, kBothProbes<kFunction>}};
template <Text kFunction>
constexpr Side kEnter{"enter", {kFentry<kFunction>, kKprobe<kFunction>}};

// Where KVM's and VFIO's anonymous inode files are made.
constexpr Side kMake{"make", {kFexit<"anon_inode_getfile">, kKretprobe<"anon_inode_getfile">}};

constexpr std::array kKvmFiles{kMake,
                               kDrop<"kvm_vm_release">,
                               kDrop<"kvm_vcpu_release">,
                               kDrop<"kvm_device_release">,
                               kDrop<"kvm_vm_stats_release">,
                               kDrop<"kvm_vcpu_stats_release">,
                               kEnter<"kvm_destroy_vm">};
constexpr std::array kVfioFiles{kTake<"vfio_group_fops_open">,
                                kDrop<"vfio_group_fops_release">,
                                kTake<"vfio_fops_open">,
                                kDrop<"vfio_fops_release">,
                                kMake,
                                kDrop<"vfio_device_fops_release">};
constexpr std::array kVfioContainer{kTake<"vfio_container_attach_group">,
                                    kDrop<"vfio_group_detach_container">};
// Since Linux v6.2 for a group's first open device, before that for each device file.
constexpr std::array kVfioDeviceOpen{
    Side{"take",
         {kFexit<"vfio_group_use_container">, kBothProbes<"vfio_group_use_container">,
          kFexit<"vfio_device_assign_container">, kBothProbes<"vfio_device_assign_container">}},
    Side{"drop",
         {kBoth<"vfio_group_unuse_container">, kKprobe<"vfio_group_unuse_container">,
          kBoth<"vfio_device_unassign_container">, kKprobe<"vfio_device_unassign_container">}}};
constexpr std::array kVfioDeviceKvm{kTake<"vfio_device_get_kvm_safe">,
                                    kDrop<"vfio_device_put_kvm">};
constexpr std::array kKvmVfio{kChange<"kvm_vfio_set_attr">, kDrop<"kvm_vfio_release">};
constexpr std::array kVhostMm{kTake<"vhost_dev_set_owner">, kDrop<"vhost_detach_mm">};
constexpr std::array kVfioTriggers{kDrop<"vfio_pci_set_irqs_ioctl">,
                                   kDrop<"vfio_pci_core_close_device">};
constexpr std::array kIrqfd{kTake<"kvm_irqfd">, kDrop<"irqfd_shutdown">};
constexpr std::array kIoeventfd{kChange<"kvm_ioeventfd">, kDrop<"ioeventfd_destructor">};
constexpr std::array kOutside{kEnter<"kvm_get_kvm">, kEnter<"kvm_get_kvm_safe">,
                              kEnter<"kvm_put_kvm">};
// Never fexit: it waits as long as somebody has the device open.
constexpr std::array kRemoval{kEnter<"vfio_unregister_group_dev">};
constexpr std::array kGuestMemfd{kMake, kDrop<"kvm_gmem_release">};
constexpr std::array kVhostFiles{kChange<"vhost_net_ioctl">, kDrop<"vhost_net_release">};
constexpr std::array kKvmDebugfs{kTake<"kvm_stat_data_open">, kDrop<"kvm_debugfs_release">,
                                 kTake<"kvm_mmu_rmaps_stat_open">,
                                 kDrop<"kvm_mmu_rmaps_stat_release">};
constexpr std::array kDma{kTake<"vfio_iommu_type1_ioctl">, kEnter<"vfio_remove_dma">};
constexpr std::array kFiles{kEnter<"fput">};

using Names = std::array<std::string_view, 5>;

constexpr Names kKvmFileClasses{"kvm/vm-file", "kvm/vcpu-file", "kvm/device-file",
                                "kvm/vm-stats-file", "kvm/vcpu-stats-file"};
constexpr std::array<std::string_view, 3> kVfioFileClasses{"vfio-device/file", "vfio-group/file",
                                                           "vfio-container/file"};
constexpr std::array<std::string_view, 2> kVhostFileClasses{"file/vhost-kick",
                                                            "file/vhost-backend"};
template <Text kName>
constexpr std::array<std::string_view, 1> kClass{
    std::string_view(kName.characters.data(), kName.characters.size() - 1)};
constexpr std::span<const std::string_view> kNoClass;

constexpr std::array kFamilies = std::to_array<LedgerFamily>({
    {"ledger/kvm-files", "kvm_vm_release", kKvmFiles, kKvmFileClasses,
     "who took the references that files have on a VM is not recorded"},
    {"ledger/vfio-files", "vfio_group_fops_release", kVfioFiles, kVfioFileClasses,
     "who opened a VFIO device, group or container is not recorded"},
    {"ledger/vfio-container", "vfio_group_detach_container", kVfioContainer,
     kClass<"vfio-container/group">, "who attached a group to its container is not recorded"},
    {"ledger/vfio-device-open", "vfio_group_fops_release", kVfioDeviceOpen,
     kClass<"file/vfio-device-open">,
     "who took the reference that an open device has on its group's file is not recorded"},
    {"ledger/vfio-device-kvm", "vfio_device_put_kvm", kVfioDeviceKvm, kClass<"kvm/vfio-device">,
     "who took the reference that a VFIO device has on its VM is not recorded"},
    {"ledger/kvm-vfio", "kvm_vfio_release", kKvmVfio, kClass<"file/kvm-vfio">,
     "who gave a group's file to KVM is not recorded"},
    {"ledger/vhost-mm", "vhost_detach_mm", kVhostMm, kClass<"mm/vhost">,
     "who gave an address space to vhost is not recorded"},
    {"ledger/vfio-triggers", "vfio_pci_core_close_device", kVfioTriggers,
     kClass<"eventfd/vfio-trigger">, "eventfds that a VFIO device forgets are not found"},
    {"ledger/irqfd", "irqfd_shutdown", kIrqfd, kClass<"eventfd/irqfd">,
     "eventfds that an irqfd forgets are not found"},
    {"ledger/ioeventfd", "ioeventfd_destructor", kIoeventfd, kClass<"eventfd/ioeventfd">,
     "eventfds that an ioeventfd forgets are not found"},
    {kOutsideFamily, "kvm_get_kvm", kOutside, kNoClass,
     "which module outside of KVM and VFIO took a reference on a VM is not recorded"},
    {"ledger/removal", "vfio_unregister_group_dev", kRemoval, kNoClass,
     "who waits for a device to be given back, and since when, is not recorded"},
    {"ledger/kvm-guest-memfd", "kvm_gmem_release", kGuestMemfd, kClass<"kvm/guest-memfd-file">,
     "who made a VM's guest_memfd file is not recorded"},
    {"ledger/vhost-files", "vhost_net_release", kVhostFiles, kVhostFileClasses,
     "who gave a file to vhost is not recorded"},
    {"ledger/kvm-debugfs", "kvm_debugfs_release", kKvmDebugfs, kClass<"kvm/debugfs-file">,
     "who opened a VM's file in debugfs is not recorded"},
    {kDmaFamily, "vfio_remove_dma", kDma, kNoClass,
     "how much memory was mapped for DMA and not unmapped is not recorded"},
    {kFilesFamily, "", kFiles, kNoClass, "who closed a disk image last is not recorded"},
});

// Functions whose name begins with what a program's name can't tell from its separator.
constexpr std::array<std::string_view, 2> kUnderscored{"__anon_inode_getfile", "__fput"};

}  // namespace

std::span<const LedgerFamily> ledger_families() { return kFamilies; }

ProgramTarget program_target(std::string_view program) {
  constexpr std::string_view kSeparator = "__";
  const auto end = program.find(kSeparator);
  if (end == std::string_view::npos) return {};
  ProgramTarget target{program.substr(0, end), program.substr(end + kSeparator.size())};
  for (const auto function : kUnderscored) {
    if (function.substr(kSeparator.size()) == target.function) target.function = function;
  }
  return target;
}

std::vector<std::string_view> programs_of(const LedgerFamily& family) {
  std::vector<std::string_view> programs;
  for (const auto& side : family.sides) {
    for (const auto& alternative : side.alternatives) {
      for (const auto program : alternative.programs) {
        const bool known = std::find(programs.begin(), programs.end(), program) != programs.end();
        if (!program.empty() && !known) programs.push_back(program);
      }
    }
  }
  return programs;
}

std::vector<std::string> ledger_functions() {
  std::set<std::string> functions;
  for (const auto& family : kFamilies) {
    if (!family.part.empty()) functions.emplace(family.part);
    for (const auto program : programs_of(family)) {
      functions.emplace(program_target(program).function);
    }
  }
  return {functions.begin(), functions.end()};
}

}  // namespace vmleak
