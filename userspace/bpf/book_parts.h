// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/book_builder.h"

namespace vmleak {

// A book while it is put together.  Each add_* function reads one part of the
// records; build_book() calls them in an order in which what they refer to
// exists.
class BookParts {
 public:
  BookParts(const KernelRecords& records, const BookOptions& options)
      : records_(records), options_(options) {}

  void add_address_spaces();
  void add_virtual_machines();
  void add_vfio();
  void add_iommu_groups();
  void add_files();
  void add_holds();
  void add_mappings();
  void add_vhost();
  void add_tasks();
  void add_closing_tasks();
  void add_waiting_tasks();
  void add_module_programs();
  void add_eventfds();
  void add_eventfd_holders();
  // Returns the keys of what the rest of the book refutes.
  std::vector<vmleak_ledger_key> add_ledger();

  Book finish() &&;

 private:
  // The node for a kernel object, made at first sight.  `id` is empty for what
  // has no name of its own: then it is a hash of the address.
  Node& node(NodeKind kind, std::uint64_t address, std::string id, Facts facts);
  Node* find(std::uint64_t address);
  [[nodiscard]] NodeId id_of(std::uint64_t address) const;
  [[nodiscard]] std::string hash(std::string_view what, std::uint64_t address, int digits) const;
  void refer(const NodeId& holder, const NodeId& held, std::string_view cls, std::int64_t count = 1,
             std::string detail = {}, bool certain = true);
  NodeId process(std::uint32_t tgid, bool kernel_thread = false);
  NodeId driver(std::string_view name);
  NodeId module(std::string_view name);
  NodeId module_of_driver(std::string_view driver_name);

  Node* add_file(const vmleak_file& file);
  void keep_object(const vmleak_file& file, const NodeId& holder);
  void add_kvm_file(const vmleak_file& file, const NodeId& holder);
  void add_devices_of(const vmleak_vfio_group_record& group, bool listed);
  void add_dma_users(Node& container);
  void add_file_descriptors();
  void add_ring_submitters();
  void add_system_calls();
  [[nodiscard]] NodeId holder_of_kvm_vfio(std::uint64_t device) const;
  [[nodiscard]] NodeId holder_of(const vmleak_ledger_key& key,
                                 const vmleak_ledger_entry& entry) const;
  // Counters of nodes that have more references than the book has holders.
  [[nodiscard]] std::set<std::pair<NodeId, std::string>> unexplained_counters() const;
  [[nodiscard]] bool removes_device(std::uint32_t tid) const;
  [[nodiscard]] bool is_left_trigger(const vmleak_eventfd_hold_record& hold) const;
  [[nodiscard]] std::vector<std::string> function_names(
      const std::vector<std::uint64_t>& stack) const;

  const KernelRecords& records_;
  const BookOptions& options_;
  Book book_;
  std::unordered_map<std::uint64_t, std::size_t> by_address_;  // index in book_.nodes
  std::unordered_map<std::string, std::size_t> by_id_;
  bool has_file_system_ = false;                  // a VFIO device has an inode of its own
  std::map<std::uint64_t, NodeId> device_files_;  // kvm_device -> its open file
  // Descriptors already counted: a table shared by several tasks is reported
  // once per task when its leader is a zombie.
  std::set<std::pair<std::uint64_t, std::uint32_t>> descriptors_;
};

}  // namespace vmleak
