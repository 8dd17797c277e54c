// SPDX-License-Identifier: Apache-2.0
#include "audit/properties.h"

#include <fmt/format.h>

#include <string_view>
#include <variant>

#include "audit/wording.h"

namespace vmleak {
namespace {

class Properties {
 public:
  void add(std::string_view name, std::string value) {
    if (!value.empty()) rows_.emplace_back(name, std::move(value));
  }
  void add_number(std::string_view name, std::int64_t value) {
    if (value != 0) add(name, std::to_string(value));
  }
  void add_bytes(std::string_view name, std::uint64_t value) {
    if (value != 0) add(name, bytes_text(value));
  }

  void operator()(const KvmFacts& facts) {
    add_number("creator", facts.creator_pid);
    add("debugfs", facts.debugfs_name);
    add_number("vCPUs", facts.vcpus);
    add_bytes("guest memory", facts.memory_bytes);
    if (facts.dying) add("state", "being destroyed");
  }
  void operator()(const VfioGroupFacts& facts) {
    if (facts.number >= 0) add("node", fmt::format("/dev/vfio/{}", facts.number));
    add("open", facts.open_file.empty() ? "no" : "yes");
    add("VM", facts.kvm);
    add("container", facts.container);
  }
  void operator()(const VfioDeviceFacts& facts) {
    add("PCI address", facts.pci_address);
    add("driver", facts.driver);
    add("group", facts.group);
    add("VM", facts.kvm);
    if (!facts.registered) add("state", "its driver waits for it to be released");
  }
  void operator()(const VfioContainerFacts& facts) {
    add("IOMMU driver", facts.iommu_driver);
    for (const auto& user : facts.dma_users) {
      add("DMA", fmt::format("{} of {} {}{}", bytes_text(user.bytes), user.comm, user.pid,
                             user.exited ? ", exited" : ""));
    }
  }
  void operator()(const IommuGroupFacts& facts) {
    for (const auto& member : facts.members) {
      const auto name = member.name.empty() ? "" : " " + member.name;
      add("member", fmt::format("{}{}, {}", member.address, name,
                                member.driver.empty() ? "no driver" : member.driver));
    }
    add("DMA owner", facts.owner);
    add("viable", facts.viable ? "yes" : "no");
  }
  void operator()(const MmFacts& facts) {
    add_number("owner", facts.owner_pid);
    add("command", facts.owner_comm);
    add_bytes("mapped", facts.mapped_bytes);
  }
  void operator()(const ModuleFacts& facts) {
    for (const auto& module : facts.dependents) add("used by", module);
  }
  void operator()(const FileFacts& facts) {
    add("path", facts.path);
    add_bytes("size", facts.size_bytes);
    if (facts.deleted) add("state", "deleted");
  }
  void operator()(const OpenFileFacts& facts) {
    add("type", facts.type);
    add("path", facts.path);
    add("writable", facts.writable ? "yes" : "no");
  }
  void operator()(const ProcessFacts& facts) {
    add("command line", facts.command_line);
    add("state", facts.state);
    add_number("threads", facts.threads);
    add("domain", facts.vm.name);
    add("uuid", facts.vm.uuid);
    add("VMM", facts.vm.vmm);
    add("unit", facts.unit);
    add("pod", facts.pod_name);
    add("pod UID", facts.pod);
    add("cgroup", facts.cgroup);
  }
  void operator()(const IoUringFacts& facts) { add_number("fixed files", facts.fixed_files); }
  void operator()(const EventfdFacts& facts) { add_number("eventfd-id", facts.number); }
  void operator()(const DriverFacts& /*facts*/) {}

  std::vector<std::pair<std::string, std::string>> take() { return std::move(rows_); }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> properties_of(const Node& node) {
  Properties properties;
  std::visit(properties, node.facts);
  return properties.take();
}

}  // namespace vmleak
