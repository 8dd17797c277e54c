// SPDX-License-Identifier: Apache-2.0
#include "audit/balance.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "model/reference_class.h"

namespace vmleak {
namespace {

// Where the balances of each node begin.
std::unordered_map<std::string_view, std::size_t> first_balances(const Book& book) {
  std::unordered_map<std::string_view, std::size_t> first;
  first.reserve(book.nodes.size());
  std::size_t position = 0;
  for (const auto& node : book.nodes) {
    first.emplace(node.id, position);
    position += node.counters.size();
  }
  return first;
}

void add(Balance& balance, const Reference& reference) {
  if (!reference.certain) {
    balance.bound += reference.count;
    return;
  }
  balance.unaccounted -= reference.count;
  auto same = std::find_if(balance.classes.begin(), balance.classes.end(),
                           [&](const auto& entry) { return entry.cls == reference.cls; });
  if (same == balance.classes.end()) {
    balance.classes.push_back({reference.cls, reference.count});
  } else {
    same->references += reference.count;
  }
}

// The order of the class table, so that the same equation reads the same in
// every run; classes that are not in it come last.
void sort_classes(Balance& balance) {
  const auto position = [](const ClassCount& entry) {
    const auto table = reference_classes();
    return std::find_if(table.begin(), table.end(),
                        [&](const auto& row) { return row.name == entry.cls; }) -
           table.begin();
  };
  std::stable_sort(balance.classes.begin(), balance.classes.end(),
                   [&](const auto& a, const auto& b) { return position(a) < position(b); });
}

}  // namespace

std::vector<Balance> balance_counters(const Book& book) {
  std::vector<Balance> balances;
  for (const auto& node : book.nodes) {
    for (const auto& counter : node.counters) {
      balances.push_back({node.id, counter.name, counter.value, {}, counter.value, counter.bound});
    }
  }
  const auto first = first_balances(book);
  for (const auto& reference : book.references) {
    if (reference.counter.empty()) continue;
    const auto start = first.find(reference.held);
    if (start == first.end()) continue;
    for (auto i = start->second; i < balances.size() && balances[i].node == reference.held; ++i) {
      if (balances[i].counter == reference.counter) add(balances[i], reference);
    }
  }
  for (auto& balance : balances) {
    if (balance.classes.size() > 1) sort_classes(balance);
  }
  return balances;
}

}  // namespace vmleak
