// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/finding.h"
#include "model/snapshot.h"

namespace vmleak {

// The equation of one counter: value = sum of classes + unaccounted.
struct Balance {
  NodeId node;
  std::string counter;
  std::int64_t value = 0;
  std::vector<ClassCount> classes;  // certain references, by class
  // value - certain references.  Up to `bound` of them are explained by tasks
  // inside a system call.  Negative: more holders seen than references exist,
  // so the walk raced.
  std::int64_t unaccounted = 0;
  std::int64_t bound = 0;

  // References that nothing seen can explain.
  [[nodiscard]] std::int64_t unexplained() const {
    return unaccounted > bound ? unaccounted - bound : 0;
  }
};

// One balance per counter, in the order of the book's nodes.
std::vector<Balance> balance_counters(const Book& book);

}  // namespace vmleak
