// SPDX-License-Identifier: Apache-2.0
#include "audit/graph.h"

#include <utility>

#include "model/reference_class.h"

namespace vmleak {
namespace {

std::unordered_map<std::string_view, bool> structural_classes() {
  std::unordered_map<std::string_view, bool> classes;
  for (const auto& row : reference_classes()) classes.emplace(row.name, row.structural);
  return classes;
}

}  // namespace

bool is_object(NodeKind kind) {
  switch (kind) {
    case NodeKind::kKvm:
    case NodeKind::kVfioGroup:
    case NodeKind::kVfioDevice:
    case NodeKind::kVfioContainer:
    case NodeKind::kIommuGroup:
    case NodeKind::kMm:
    case NodeKind::kModule:
    case NodeKind::kFile:
    case NodeKind::kEventfd:
      return true;
    case NodeKind::kOpenFile:
    case NodeKind::kProcess:
    case NodeKind::kKernelThread:
    case NodeKind::kIoUring:
    case NodeKind::kDriver:
      return false;
  }
  return false;
}

bool is_structural(const Reference& reference) {
  static const auto classes = structural_classes();
  const auto row = classes.find(reference.cls);
  return row != classes.end() && row->second;
}

Graph::Graph(const Book& book) : book_(&book), balances_(balance_counters(book)) {
  index_.reserve(book.nodes.size());
  first_balance_.reserve(book.nodes.size() + 1);
  std::size_t balance = 0;
  for (NodeIndex i = 0; i < book.nodes.size(); ++i) {
    index_.emplace(book.nodes[i].id, i);
    first_balance_.push_back(balance);
    balance += book.nodes[i].counters.size();
  }
  first_balance_.push_back(balance);
  holders_ = connect(&Reference::held, &Reference::holder);
  held_ = connect(&Reference::holder, &Reference::held);
}

Graph::Adjacency Graph::connect(NodeId Reference::*from, NodeId Reference::*to) const {
  std::vector<std::pair<NodeIndex, Edge>> ends;
  ends.reserve(book_->references.size());
  Adjacency out;
  out.first.assign(size() + 1, 0);
  for (const auto& reference : book_->references) {
    const auto start = find(reference.*from);
    const auto end = find(reference.*to);
    if (start == kNoNode || end == kNoNode || start == end) continue;
    ends.emplace_back(start, Edge{&reference, end});
    ++out.first[start + 1];
  }
  for (std::size_t i = 1; i < out.first.size(); ++i) out.first[i] += out.first[i - 1];
  out.edges.resize(ends.size());
  auto next = out.first;
  for (const auto& [start, edge] : ends) out.edges[next[start]++] = edge;
  return out;
}

NodeIndex Graph::find(std::string_view id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? kNoNode : found->second;
}

std::span<const Edge> Graph::holders(NodeIndex node) const {
  return std::span(holders_.edges)
      .subspan(holders_.first[node], holders_.first[node + 1] - holders_.first[node]);
}

std::span<const Edge> Graph::held(NodeIndex node) const {
  return std::span(held_.edges)
      .subspan(held_.first[node], held_.first[node + 1] - held_.first[node]);
}

std::span<const Balance> Graph::balances(NodeIndex node) const {
  return std::span(balances_).subspan(first_balance_[node],
                                      first_balance_[node + 1] - first_balance_[node]);
}

const Balance* Graph::balance(NodeIndex node, std::string_view counter) const {
  for (const auto& balance : balances(node)) {
    if (balance.counter == counter) return &balance;
  }
  return nullptr;
}

std::int64_t Graph::value(NodeIndex node, std::string_view counter) const {
  const auto* found = balance(node, counter);
  return found == nullptr ? 0 : found->value;
}

}  // namespace vmleak
