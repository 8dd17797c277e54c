// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/snapshot.h"

namespace vmleak {

inline const Node* find_node(const Book& book, std::string_view id) {
  const auto found = std::find_if(book.nodes.begin(), book.nodes.end(),
                                  [id](const auto& node) { return node.id == id; });
  return found == book.nodes.end() ? nullptr : &*found;
}

inline std::vector<const Node*> nodes_of_kind(const Book& book, NodeKind kind) {
  std::vector<const Node*> found;
  for (const auto& node : book.nodes) {
    if (node.kind == kind) found.push_back(&node);
  }
  return found;
}

// The one node of a kind.
inline const Node& only_node(const Book& book, NodeKind kind) {
  static const Node kNone;
  const auto found = nodes_of_kind(book, kind);
  EXPECT_EQ(found.size(), 1U) << to_string(kind);
  return found.empty() ? kNone : *found.front();
}

// The first open file of a type.
inline const Node& node_of_type(const Book& book, std::string_view type) {
  static const Node kNone;
  for (const auto* node : nodes_of_kind(book, NodeKind::kOpenFile)) {
    if (std::get<OpenFileFacts>(node->facts).type == type) return *node;
  }
  ADD_FAILURE() << "no open file of type " << type;
  return kNone;
}

inline std::vector<Reference> references_on(const Book& book, std::string_view held) {
  std::vector<Reference> found;
  std::copy_if(book.references.begin(), book.references.end(), std::back_inserter(found),
               [held](const auto& reference) { return reference.held == held; });
  return found;
}

inline std::vector<std::string> classes_on(const Book& book, std::string_view held) {
  std::vector<std::string> found;
  for (const auto& reference : references_on(book, held)) found.push_back(reference.cls);
  return found;
}

inline std::vector<std::string> classes(const Book& book) {
  std::vector<std::string> found;
  for (const auto& reference : book.references) found.push_back(reference.cls);
  return found;
}

// "<node> <counter> <value> = <references>" for each counter that its certain
// references do not add up to.
inline std::vector<std::string> unbalanced(const Book& book) {
  std::map<std::pair<NodeId, std::string>, std::int64_t> sums;
  for (const auto& reference : book.references) {
    if (reference.certain) sums[{reference.held, reference.counter}] += reference.count;
  }
  std::vector<std::string> found;
  for (const auto& node : book.nodes) {
    for (const auto& counter : node.counters) {
      const auto sum = sums[{node.id, counter.name}];
      if (sum != counter.value) {
        found.push_back(node.id + " " + counter.name + " " + std::to_string(counter.value) + " = " +
                        std::to_string(sum));
      }
    }
  }
  return found;
}

}  // namespace vmleak
