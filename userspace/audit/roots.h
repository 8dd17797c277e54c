// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "audit/graph.h"
#include "audit/liveness.h"

namespace vmleak {

// One step from a node to somebody who keeps it.
struct Step {
  NodeIndex holder = kNoNode;
  const Reference* reference = nullptr;  // nullptr: the process an address space belongs to
  bool certain = true;                   // false: inside a system call, may keep it
  bool closing = false;                  // the file waits to be put by this task
};

// Who keeps a node, structural references left out.  The address space of a
// process is kept by that process alone: what else refers to it is not why it
// exists.
std::vector<Step> steps_up(const Graph& graph, const Liveness& liveness, NodeIndex node);

// The counters of a node that count references nobody seen can explain, where
// that says something about why the node is kept: not for objects in rightful
// use, nor for a file of another kind (a socket, a vhost file) that a running
// process visibly keeps anyway.
std::vector<const Balance*> unexplained_at(const Graph& graph, const Liveness& liveness,
                                           NodeIndex node);

// Somebody keeps objects whose users are gone: objects and keepers that hang
// together.  One cause is one finding.
struct Cause {
  struct KernelRoot {
    NodeIndex node = kNoNode;
    std::vector<const Balance*> counters;
  };

  std::vector<NodeIndex> objects;  // those that should be gone
  std::vector<NodeIndex> nodes;    // all between them and the roots, these included
  std::vector<KernelRoot> kernel;  // references nobody is seen to hold
  std::vector<NodeIndex> running;  // processes and kernel threads
  std::vector<NodeIndex> ending;   // processes on their way out
  std::vector<NodeIndex> maybe;    // processes that may keep it during a system call
  std::vector<NodeIndex> unkept;   // nobody is seen to keep it and nothing is counted
  NodeIndex primary = kNoNode;     // the object a person would name: nearest to the roots
};

// The causes in a book, in the order of their primary objects.
std::vector<Cause> trace_causes(const Graph& graph, const Liveness& liveness);

}  // namespace vmleak
