// SPDX-License-Identifier: Apache-2.0
#include "book_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "model/reference_class.h"

namespace vmleak::testing {

Node& TestHost::add(NodeKind kind, std::string_view id, Facts facts,
                    std::vector<std::string> counters) {
  Node node;
  node.id = make_node_id(kind, id);
  node.kind = kind;
  node.name = id;
  node.instance = "instance-" + std::to_string(++serial_);
  node.facts = std::move(facts);
  for (auto& counter : counters) node.counters.push_back({std::move(counter), 0, 0});
  return nodes_.insert_or_assign(node.id, node).first->second;
}

Node& TestHost::node(const NodeId& id) { return nodes_.at(id); }

NodeId TestHost::process(std::int64_t pid, std::string_view comm) {
  const auto number = std::to_string(pid);
  const auto mm =
      add(NodeKind::kMm, number, MmFacts{pid, std::string(comm), 4ULL << 30}, {"mm_users"}).id;
  ProcessFacts facts;
  facts.pid = pid;
  facts.comm = comm;
  facts.state = "S";
  facts.threads = 3;
  facts.mm = mm;
  auto id = add(NodeKind::kProcess, number, facts, {}).id;
  hold(id, mm, "mm/task", 3);
  return id;
}

NodeId TestHost::kernel_thread(std::int64_t pid, std::string_view comm) {
  ProcessFacts facts;
  facts.pid = pid;
  facts.comm = comm;
  return add(NodeKind::kKernelThread, std::to_string(pid), facts, {}).id;
}

NodeId TestHost::file(std::string_view type, std::string_view path) {
  return add(NodeKind::kOpenFile, "f" + std::to_string(serial_),
             OpenFileFacts{std::string(type), std::string(path), true}, {"f_count"})
      .id;
}

NodeId TestHost::io_uring(const NodeId& ring_file) {
  auto id = add(NodeKind::kIoUring, "r" + std::to_string(serial_), IoUringFacts{4}, {}).id;
  hold(ring_file, id, "io-uring/ring-file");
  return id;
}

void TestHost::fd(const NodeId& process, const NodeId& file, std::string_view detail) {
  hold(process, file, "file/fd", 1, detail);
}

void TestHost::hold(const NodeId& holder, const NodeId& held, std::string_view cls,
                    std::int64_t count, std::string_view detail) {
  const auto* row = find_reference_class(cls);
  ASSERT_NE(row, nullptr) << cls;
  references_.push_back({holder, held, std::string(row->counter), std::string(cls), count, true,
                         std::string(detail)});
}

void TestHost::in_syscall(const NodeId& process, const NodeId& file) {
  hold(process, file, "file/in-syscall", 1, "in poll");
  references_.back().certain = false;
}

void TestHost::drop(const NodeId& holder, const NodeId& held) {
  std::erase_if(references_, [&](const Reference& reference) {
    return reference.holder == holder && reference.held == held;
  });
}

void TestHost::exits(std::int64_t pid) {
  auto& process = facts<ProcessFacts>(make_node_id(NodeKind::kProcess, std::to_string(pid)));
  process.exiting = true;
  process.state = "D";
}

void TestHost::dies(std::int64_t pid) {
  forget({make_node_id(NodeKind::kProcess, std::to_string(pid))});
  for (auto& [id, node] : nodes_) {
    auto* container = std::get_if<VfioContainerFacts>(&node.facts);
    if (container == nullptr) continue;
    for (auto& user : container->dma_users) user.exited = user.exited || user.pid == pid;
  }
}

void TestHost::hide(const NodeId& file) {
  for (std::size_t i = 0; ledger_ && i < ledger_->entries.size(); ++i) {
    auto& entry = ledger_->entries[i];
    if (entry.holder == file) entry.holder.clear();
  }
  for (const auto& reference : references_) {
    if (reference.holder == file && !reference.counter.empty()) {
      extra_[{reference.held, reference.counter}] += reference.count;
    }
  }
  forget({file});
}

void TestHost::unexplained(const NodeId& node, std::string_view counter, std::int64_t count) {
  extra_[{node, std::string(counter)}] = count;
}

void TestHost::bound(const NodeId& node, std::string_view counter, std::int64_t count) {
  bounds_[{node, std::string(counter)}] = count;
}

void TestHost::closing(std::int64_t tid, std::int64_t pid, ClosingReason reason) {
  closing_.push_back(
      {tid, pid, "qemu-system-x86", "D", reason, {"__fput", "task_work_run"}, false});
}

void TestHost::loses(std::string_view what, std::vector<NodeKind> kinds) {
  losses_.push_back({std::string(what), 1, std::move(kinds)});
}

void TestHost::forget(const std::set<NodeId>& ids) {
  for (const auto& id : ids) nodes_.erase(id);
  std::erase_if(references_, [&](const Reference& reference) {
    return ids.contains(reference.holder) || ids.contains(reference.held);
  });
}

// Nodes that the kernel has freed, because nothing refers to them.
std::set<NodeId> TestHost::unreferenced() const {
  const std::set freed{NodeKind::kOpenFile, NodeKind::kKvm,     NodeKind::kVfioContainer,
                       NodeKind::kMm,       NodeKind::kIoUring, NodeKind::kEventfd};
  std::map<NodeId, std::int64_t> counts;
  for (const auto& reference : references_) {
    if (reference.certain) counts[reference.held] += reference.count;
  }
  for (const auto& [where, count] : extra_) counts[where.first] += count;
  std::set<NodeId> out;
  for (const auto& [id, node] : nodes_) {
    const auto* kvm = std::get_if<KvmFacts>(&node.facts);
    const bool dying = kvm != nullptr && kvm->dying;
    if (freed.contains(node.kind) && counts[id] <= 0 && !dying) out.insert(id);
  }
  return out;
}

// The release of a group's last file detaches its container.
void TestHost::close_groups(const std::set<NodeId>& files) {
  for (auto& [id, node] : nodes_) {
    auto* group = std::get_if<VfioGroupFacts>(&node.facts);
    if (group == nullptr || !files.contains(group->open_file)) continue;
    drop(group->container, id);
    drop(id, group->container);
    std::erase_if(references_, [&id = id](const Reference& reference) {
      return reference.holder == id && reference.cls == "iommu-group/vfio-owner";
    });
    group->open_file.clear();
    group->container.clear();
  }
}

// The release of a device's last file gives back all that the device took.
void TestHost::close_devices(const std::set<NodeId>& files) {
  std::set<NodeId> devices;
  for (const auto& reference : references_) {
    if (files.contains(reference.holder) && reference.cls == "vfio-device/open") {
      devices.insert(reference.held);
    }
  }
  std::erase_if(references_, [&](const Reference& reference) {
    return devices.contains(reference.holder) && reference.cls != "vfio-group/device";
  });
}

void TestHost::collect_garbage() {
  for (auto gone = unreferenced(); !gone.empty(); gone = unreferenced()) {
    close_groups(gone);
    close_devices(gone);
    forget(gone);
  }
  for (auto& [id, node] : nodes_) {
    auto* group = std::get_if<VfioGroupFacts>(&node.facts);
    if (group != nullptr && !nodes_.contains(group->kvm)) group->kvm.clear();
    auto* device = std::get_if<VfioDeviceFacts>(&node.facts);
    if (device != nullptr && !nodes_.contains(device->kvm)) device->kvm.clear();
  }
}

Book TestHost::book() {
  collect_garbage();
  Book book;
  book.time_ns = kNow;
  book.references = references_;
  book.closing_tasks = closing_;
  book.losses = losses_;
  book.ledger = kept_ledger();
  book.files_walked = 100;
  book.mappings_walked = 10;
  auto values = extra_;
  for (const auto& reference : references_) {
    if (reference.certain) values[{reference.held, reference.counter}] += reference.count;
  }
  for (const auto& [id, node] : nodes_) {
    auto copy = node;
    for (auto& counter : copy.counters) {
      counter.value = values[{id, counter.name}];
      const auto bound = bounds_.find({id, counter.name});
      if (bound != bounds_.end()) counter.bound = bound->second;
    }
    book.nodes.push_back(std::move(copy));
  }
  return book;
}

Snapshot samples(const std::vector<Book>& books) {
  Snapshot snapshot;
  snapshot.host = {"host", "6.1.0", "3f0d7d3c-0c1e-4d6a-9a55-6f3f6f1f5d10"};
  snapshot.coverage.tier = Tier::kSnapshot;
  snapshot.settle_ns = 10 * kSecond;
  snapshot.samples = books;
  for (std::size_t i = 0; i < books.size(); ++i) {
    snapshot.samples[i].time_ns = kNow + i * 5 * kSecond;
  }
  return snapshot;
}

Snapshot settled(const Book& book) { return samples({book, book, book}); }

Finding only_finding(const AuditReport& report) {
  EXPECT_EQ(report.findings.size(), 1U);
  for (std::size_t i = 0; report.findings.size() != 1 && i < report.findings.size(); ++i) {
    ADD_FAILURE() << to_string(report.findings[i].verdict) << " " << report.findings[i].rule << ": "
                  << report.findings[i].summary;
  }
  return report.findings.size() == 1 ? report.findings.front() : Finding{};
}

Finding only_finding(TestHost& host) { return only_finding(audit(settled(host.book()))); }

bool has_consequence(const Finding& finding, const NodeId& node) {
  return std::any_of(finding.consequences.begin(), finding.consequences.end(),
                     [&](const Consequence& also) { return also.kind + ":" + also.id == node; });
}

std::set<std::string> chain_ends(const Finding& finding) {
  std::set<std::string> ends;
  for (const auto& holder : finding.holders) {
    const auto& last = holder.chain.back();
    ends.insert(last.comm.empty() ? last.kind : last.comm);
  }
  return ends;
}

std::string evidence(const Finding& finding, std::string_view source) {
  std::string text;
  for (const auto& item : finding.evidence) {
    if (item.source == source) text += item.text + "\n";
  }
  return text;
}

}  // namespace vmleak::testing
