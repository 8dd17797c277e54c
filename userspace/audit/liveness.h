// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>
#include <vector>

#include "audit/graph.h"

namespace vmleak {

// Whether somebody rightfully uses an object.
enum class Life {
  kIdle,     // nothing is taken that could be given back
  kAlive,    // its user runs
  kGone,     // taken, and its user is gone
  kUnknown,  // taken, and the book does not say by whom
};

// Who is alive.  PIDs and names only label an owner; what decides is the
// address space, which the object itself keeps from being recycled.
class Liveness {
 public:
  explicit Liveness(const Graph& graph);

  // A process that is not on its way out, or a kernel thread.
  [[nodiscard]] bool runs(NodeIndex process) const { return runs_[process]; }
  // Of objects a VM owns; others are idle.
  [[nodiscard]] Life of(NodeIndex node) const { return life_[node]; }
  // The process that uses an object that is alive, else kNoNode.
  [[nodiscard]] NodeIndex user(NodeIndex node) const { return user_[node]; }
  // The running process with this address space, else one that is exiting,
  // else kNoNode.
  [[nodiscard]] NodeIndex process_of_mm(std::string_view mm) const;
  [[nodiscard]] NodeIndex process_by_pid(std::int64_t pid) const;

 private:
  struct Use {
    Life life = Life::kIdle;
    NodeIndex user = kNoNode;
  };
  // What speaks for and against a living user of a VFIO object.
  struct VfioEvidence;

  void find_processes(const Graph& graph);
  void judge_mms(const Graph& graph);
  void judge_vms(const Graph& graph);
  void judge_vfio(const Graph& graph);
  void set(NodeIndex node, Use use);
  [[nodiscard]] Use use_by_vms(const VfioEvidence& evidence) const;
  [[nodiscard]] NodeIndex running_dma_user(const Graph& graph, NodeIndex container) const;
  [[nodiscard]] Use decide(const Graph& graph, const VfioEvidence& evidence) const;
  [[nodiscard]] std::vector<NodeIndex> running_fd_holders(const Graph& graph,
                                                          NodeIndex object) const;
  [[nodiscard]] Use use_of_group(const Graph& graph, NodeIndex group,
                                 const std::vector<NodeIndex>& devices) const;
  [[nodiscard]] Use use_of_lone_device(const Graph& graph, NodeIndex device) const;
  [[nodiscard]] Use use_of_container(const Graph& graph, NodeIndex container,
                                     const std::vector<NodeIndex>& groups) const;
  void add_vm(const Graph& graph, VfioEvidence& evidence, const NodeId& vm, bool trusted) const;

  std::vector<bool> runs_;
  std::vector<Life> life_;
  std::vector<NodeIndex> user_;
  std::unordered_map<std::string_view, NodeIndex> by_mm_;
  std::unordered_map<std::int64_t, NodeIndex> by_pid_;
};

// A VM whose last reference is gone while kvm_destroy_vm still works.
bool is_dying(const Graph& graph, NodeIndex vm);

// Some reference is out that an idle object of this kind does not have.
bool is_in_use(const Graph& graph, NodeIndex object);

}  // namespace vmleak
