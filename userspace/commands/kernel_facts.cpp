// SPDX-License-Identifier: Apache-2.0
#include "commands/kernel_facts.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "bpf/file_type_table.h"
#include "bpf/wait_table.h"
#include "commands/collect.h"
#include "host/host_info.h"
#include "host/kallsyms.h"

namespace vmleak {
namespace {

struct ClosingFunction {
  std::string_view name;
  vmleak_closing closing;
};

constexpr std::array kClosingFunctions = std::to_array<ClosingFunction>({
    {"task_work_run", VMLEAK_CLOSING_TASK_WORK},
    {"__fput", VMLEAK_CLOSING_TASK_WORK},
    {"____fput", VMLEAK_CLOSING_TASK_WORK},
    {"delayed_fput", VMLEAK_CLOSING_TASK_WORK},
    {"exit_mmap", VMLEAK_CLOSING_EXIT_MMAP},
    {"kvm_destroy_vm", VMLEAK_CLOSING_DESTROY_VM},
});

// A part of the kernel: there when its function is, usable when its types are
// known too.
struct Part {
  std::string_view name;
  std::string_view function;
  bool KernelAddresses::*has;
  std::string_view lost_without;
};

constexpr std::array kParts = std::to_array<Part>({
    {"kvm", "kvm_vm_release", &KernelAddresses::has_kvm,
     "virtual machines can't be read from the kernel"},
    {"kvm_amd", "svm_vm_destroy", &KernelAddresses::has_kvm_amd,
     "what SEV mirror VMs hold is not known"},
    {"vfio", "vfio_group_fops_release", &KernelAddresses::has_vfio,
     "VFIO groups and devices can't be read from the kernel"},
    {"vfio_iommu_type1", "vfio_iommu_type1_release", &KernelAddresses::has_vfio_type1,
     "who mapped memory for DMA is not known"},
    {"vhost", "vhost_dev_cleanup", &KernelAddresses::has_vhost,
     "address spaces that vhost keeps are not explained"},
    {"iommu", "iommu_group_get", &KernelAddresses::has_iommu,
     "IOMMU groups can't be read from the kernel"},
});

constexpr std::string_view kVmList = "vm_list";
constexpr std::string_view kVfio = "vfio";
constexpr std::string_view kFputWork = "____fput";
constexpr std::string_view kKvmVmFops = "kvm_vm_fops";
constexpr std::string_view kVmxDestroy = "vmx_vm_destroy";
// Until v6.2: one reference on the group's file for every device file.
constexpr std::string_view kAssignContainer = "vfio_device_assign_container";

std::vector<std::string_view> wanted_symbols() {
  std::vector<std::string_view> names = {kVmList,    kVfio,       kFputWork,
                                         kKvmVmFops, kVmxDestroy, kAssignContainer};
  for (const auto& row : kClosingFunctions) names.push_back(row.name);
  for (const auto& row : wait_table()) names.push_back(row.function);
  for (const auto& row : kParts) names.push_back(row.function);
  for (const auto& row : file_type_table()) {
    if (!row.function.empty()) names.push_back(row.function);
  }
  return names;
}

bool is_off(const std::vector<std::string>& without, std::string_view name) {
  return std::find(without.begin(), without.end(), name) != without.end();
}

bool is_data(char type) { return std::string_view("bBdDrR").find(type) != std::string_view::npos; }

Family family(std::string_view name, FamilyState state, std::string program,
              std::string_view lost_without) {
  return {std::string(name), state, std::move(program), std::string(lost_without)};
}

// Has types: built in, then the kernel's own BTF describes it, or a module with
// its own.
bool has_types(const HostRoot& root, const KernelSymbol& symbol) {
  return has_btf(root, symbol.module.empty() ? "vmlinux" : std::string_view(symbol.module));
}

void find_parts(const HostRoot& root, const KernelSymbols& symbols,
                const std::vector<std::string>& without, KernelFacts& facts) {
  for (const auto& part : kParts) {
    const auto found = symbols.find(part.function);
    if (is_off(without, part.name)) {
      facts.families.push_back(family(part.name, FamilyState::kOff, "", part.lost_without));
      continue;
    }
    if (found.empty()) continue;  // not in this kernel, nothing to lose
    facts.addresses.*part.has = has_types(root, found.front());
    facts.families.push_back(family(
        part.name, facts.addresses.*part.has ? FamilyState::kAttached : FamilyState::kMissing,
        facts.addresses.*part.has ? "kernel memory" : "", part.lost_without));
  }
}

void find_vm_list(const KernelSymbols& symbols, const std::vector<std::string>& without,
                  KernelFacts& facts) {
  constexpr std::string_view kLost =
      "VMs are found through debugfs and open files only; a VM that is being destroyed is missed";
  if (!facts.addresses.has_kvm) return;
  if (is_off(without, kVmList)) {
    facts.families.push_back(family(kVmList, FamilyState::kOff, "", kLost));
    return;
  }
  facts.addresses.vm_list = symbols.unique_address(kVmList);
  facts.families.push_back(
      family(kVmList, facts.addresses.vm_list != 0 ? FamilyState::kAttached : FamilyState::kMissing,
             facts.addresses.vm_list != 0 ? "kallsyms" : "", kLost));
}

void find_vfio_list(const KernelSymbols& symbols, KernelFacts& facts) {
  for (const auto& symbol : symbols.find(kVfio)) {
    if (is_data(symbol.type)) facts.addresses.vfio.push_back(symbol.address);
  }
  if (!facts.addresses.has_vfio) return;
  const bool found = !facts.addresses.vfio.empty();
  facts.families.push_back(
      family("vfio_group_list", found ? FamilyState::kAttached : FamilyState::kMissing,
             found ? "kallsyms" : "", "VFIO groups are found through open files only"));
}

}  // namespace

std::vector<std::string> capability_names() {
  std::vector<std::string> names = {
      "bpf",     "iterator", "debugfs", std::string(kVmList),
      "libvirt", "records",  "pci",     std::string(kLedgerCapability)};
  for (const auto& part : kParts) names.emplace_back(part.name);
  return names;
}

Result<KernelFacts> read_kernel_facts(const HostRoot& root,
                                      const std::vector<std::string>& without) {
  auto symbols = read_kernel_symbols(root, wanted_symbols());
  if (!symbols) return symbols.error();
  KernelFacts facts;
  find_parts(root, *symbols, without, facts);
  find_vm_list(*symbols, without, facts);
  find_vfio_list(*symbols, facts);
  facts.has_vfio_module = !symbols->find("vfio_group_fops_release").empty();
  facts.counts_device_files = !symbols->find(kAssignContainer).empty();
  facts.addresses.kvm_vm_fops = symbols->unique_address(kKvmVmFops);
  for (const auto name : {std::string_view("svm_vm_destroy"), kVmxDestroy}) {
    const auto found = symbols->find(name);
    if (!found.empty()) facts.vendor_module = found.front().module;
  }
  facts.addresses.fput_work = symbols->unique_address(kFputWork);
  for (const auto& row : kClosingFunctions) {
    for (const auto& symbol : symbols->find(row.name)) {
      const auto end = symbols->function_end(symbol.address);
      facts.addresses.stack_functions.push_back({symbol.address, end, row.closing});
    }
  }
  for (const auto& row : wait_table()) {
    for (const auto& symbol : symbols->find(row.function)) {
      facts.addresses.stack_functions.push_back({symbol.address,
                                                 symbols->function_end(symbol.address),
                                                 VMLEAK_CLOSING_NONE, /*device_call=*/true});
    }
  }
  for (const auto& row : file_type_table()) {
    for (const auto& symbol : symbols->find(row.function)) {
      facts.addresses.operations.emplace_back(symbol.address, row.type);
    }
  }
  return facts;
}

}  // namespace vmleak
