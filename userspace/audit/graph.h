// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "audit/balance.h"
#include "model/snapshot.h"

namespace vmleak {

// Position of a node in its book.
using NodeIndex = std::size_t;
inline constexpr NodeIndex kNoNode = SIZE_MAX;

// The facts of a node; empty ones when it is of another kind.
template <class F>
const F& facts_of(const Node& node) {
  static const F none{};
  const auto* facts = std::get_if<F>(&node.facts);
  return facts == nullptr ? none : *facts;
}

// True for the counted kernel objects a VM owns, false for what can hold them.
bool is_object(NodeKind kind);

// True for references that an unused object has too.
bool is_structural(const Reference& reference);

// One end of a reference.
struct Edge {
  const Reference* reference = nullptr;
  NodeIndex node = kNoNode;  // the other end
};

// A book with everything looked up once.  Does not own the book.
class Graph {
 public:
  explicit Graph(const Book& book);

  [[nodiscard]] const Book& book() const { return *book_; }
  [[nodiscard]] std::size_t size() const { return book_->nodes.size(); }
  [[nodiscard]] const Node& node(NodeIndex index) const { return book_->nodes[index]; }
  [[nodiscard]] NodeKind kind(NodeIndex index) const { return book_->nodes[index].kind; }
  // kNoNode when the book has no such node.
  [[nodiscard]] NodeIndex find(std::string_view id) const;

  [[nodiscard]] std::span<const Edge> holders(NodeIndex node) const;
  [[nodiscard]] std::span<const Edge> held(NodeIndex node) const;
  [[nodiscard]] std::span<const Balance> balances(NodeIndex node) const;
  // nullptr when the node has no such counter.
  [[nodiscard]] const Balance* balance(NodeIndex node, std::string_view counter) const;
  // 0 when the node has no such counter.
  [[nodiscard]] std::int64_t value(NodeIndex node, std::string_view counter) const;

 private:
  // Edges by node: those of node n are [first[n], first[n + 1]).
  struct Adjacency {
    std::vector<std::size_t> first;
    std::vector<Edge> edges;
  };
  [[nodiscard]] Adjacency connect(NodeId Reference::*from, NodeId Reference::*to) const;

  const Book* book_;
  std::unordered_map<std::string_view, NodeIndex> index_;
  Adjacency holders_;
  Adjacency held_;
  std::vector<Balance> balances_;
  std::vector<std::size_t> first_balance_;
};

}  // namespace vmleak
