// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "audit/context.h"
#include "audit/explain.h"

namespace vmleak {

// Every way from the object to a process, a kernel thread or "kernel,
// unknown", at most `limit`.
std::vector<HolderChain> holder_chains(const Sample& sample, NodeIndex object, std::size_t limit);

// The same as a tree.  A node that is reached twice is shown whole only once.
std::vector<HolderTree> holder_trees(const Sample& sample, NodeIndex object);

// The equations of a node, for output.
std::vector<CounterBalance> counter_balances(const Sample& sample, NodeIndex node);

// The node, as the holder of another.
ChainLink chain_link(const Graph& graph, NodeIndex holder, const Reference* reference);

}  // namespace vmleak
