// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "model/snapshot.h"

namespace vmleak::testing {

inline constexpr std::uint64_t kSecond = 1'000'000'000;
inline constexpr std::uint64_t kNow = 1'767'225'600 * kSecond;  // 2026-01-01T00:00:00Z

// What one VM with a device has.
struct Machine {
  std::int64_t pid = 0;
  NodeId process;
  NodeId mm;
  NodeId kvm;
  NodeId vm_file;
  NodeId vcpu_file;
  NodeId kvm_vfio_file;
  NodeId container;
  NodeId container_file;
  NodeId group;
  NodeId group_file;
  NodeId iommu_group;
  NodeId device;
  NodeId device_file;
};

// A host in miniature.  It counts references as the kernel does: every counter
// is the sum of what is seen to hold it, and what nobody holds any more goes
// away with what it holds.  Leaks, hidden holders and bad walks are put in by
// hand.
class TestHost {
 public:
  // A process with an address space.
  NodeId process(std::int64_t pid, std::string_view comm = "qemu-system-x86");
  NodeId kernel_thread(std::int64_t pid, std::string_view comm);

  NodeId file(std::string_view type, std::string_view path);
  void fd(const NodeId& process, const NodeId& file, std::string_view detail = "fd 7");
  // Class and counter of the reference are those of the class table.
  void hold(const NodeId& holder, const NodeId& held, std::string_view cls, std::int64_t count = 1,
            std::string_view detail = "");
  // A thread of the process is in a system call on the file.
  void in_syscall(const NodeId& process, const NodeId& file);
  void drop(const NodeId& holder, const NodeId& held);

  // An io_uring and, as its holder, the file of its ring.
  NodeId io_uring(const NodeId& ring_file);

  // A running VM; with `group` a VFIO device as well.
  Machine vm(std::int64_t pid);
  Machine vm_with_device(std::int64_t pid, int group, std::string_view address = "0000:8a:00.0");
  // A group whose device waits on vfio-pci for a user; part of every machine
  // with a device.
  Machine idle_device(int group, std::string_view address);
  // The modules that a VFIO host has loaded.
  void modules();

  // The process has all its threads in do_exit().
  void exits(std::int64_t pid);
  // It is gone: its descriptors and its address space with it, unless others
  // keep that.
  void dies(std::int64_t pid);

  // The kernel keeps the file, and no walk finds it.
  void hide(const NodeId& file);
  // References nobody is seen to hold; negative: more seen than counted.
  void unexplained(const NodeId& node, std::string_view counter, std::int64_t count);
  // The counter's bound, as for tasks inside a system call.
  void bound(const NodeId& node, std::string_view counter, std::int64_t count);
  void closing(std::int64_t tid, std::int64_t pid, ClosingReason reason);
  void loses(std::string_view what, std::vector<NodeKind> kinds);

  // A ledger that has missed nothing since it was armed, 3 h ago.  It forgets
  // an entry with the reference, as its hooks do.
  void arm();
  LedgerBook& ledger() { return *ledger_; }
  // Enters a reference that is there, or one of which nobody sees the holder
  // (`holder` empty), as taken by this process.  The result is valid until the
  // next entry.
  LedgerEntry& record(std::string_view cls, const NodeId& held, const NodeId& holder,
                      std::int64_t pid, std::uint64_t ago_ns = 2 * 3600 * kSecond);
  // All references that the ledger has classes for and that are not yet in it.
  void record_all(std::int64_t pid);
  // Its release ran in that process, and the reference stayed.
  LedgerEntry& forgets(std::string_view cls, const NodeId& held, std::int64_t pid);
  // Gets and puts of a VM by a function of another module, one stack each.
  CallerSum& outside(const NodeId& vm, std::string_view function, std::string_view module,
                     std::int64_t gets, std::int64_t puts);
  // An eventfd and, as its holder, its file.
  NodeId eventfd(std::int64_t number, const NodeId& file);

  Node& node(const NodeId& id);
  [[nodiscard]] bool has(const NodeId& id) const { return nodes_.contains(id); }
  template <class F>
  F& facts(const NodeId& id) {
    return std::get<F>(node(id).facts);
  }

  // What a walk of this host finds.
  Book book();

 private:
  Node& add(NodeKind kind, std::string_view id, Facts facts, std::vector<std::string> counters);
  void collect_garbage();
  [[nodiscard]] std::set<NodeId> unreferenced() const;
  void close_groups(const std::set<NodeId>& files);
  void close_devices(const std::set<NodeId>& files);
  void forget(const std::set<NodeId>& ids);
  [[nodiscard]] bool has_reference(const LedgerEntry& entry) const;
  [[nodiscard]] std::optional<LedgerBook> kept_ledger() const;

  std::map<NodeId, Node> nodes_;
  std::vector<Reference> references_;
  std::map<std::pair<NodeId, std::string>, std::int64_t> extra_;
  std::map<std::pair<NodeId, std::string>, std::int64_t> bounds_;
  std::vector<ClosingTask> closing_;
  std::vector<Loss> losses_;
  std::optional<LedgerBook> ledger_;
  int serial_ = 0;
};

// Three samples that cover the settle time of 10 s.
Snapshot settled(const Book& book);
// These books, 5 s apart.
Snapshot samples(const std::vector<Book>& books);

// The only finding; fails the test and gives an empty one when there is not
// exactly one.
Finding only_finding(const AuditReport& report);
Finding only_finding(TestHost& host);

bool has_consequence(const Finding& finding, const NodeId& node);
// Comms of the processes and "kernel" at the end of the holder chains.
std::set<std::string> chain_ends(const Finding& finding);
// All evidence of this source in one line.
std::string evidence(const Finding& finding, std::string_view source);

}  // namespace vmleak::testing
