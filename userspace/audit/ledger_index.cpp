// SPDX-License-Identifier: Apache-2.0
#include "audit/ledger_index.h"

#include <algorithm>

#include "model/reference_class.h"

namespace vmleak {
namespace {

const std::vector<const LedgerEntry*>& lookup(
    const std::unordered_map<std::string_view, std::vector<const LedgerEntry*>>& entries,
    std::string_view node) {
  static const std::vector<const LedgerEntry*> none;
  const auto found = entries.find(node);
  return found == entries.end() ? none : found->second;
}

}  // namespace

LedgerIndex::LedgerIndex(const Book& book) : book_(book.ledger ? &*book.ledger : nullptr) {
  if (book_ == nullptr) return;
  for (const auto& entry : book_->entries) {
    if (!entry.held.empty()) held_[entry.held].push_back(&entry);
    if (!entry.holder.empty()) holders_[entry.holder].push_back(&entry);
  }
}

const std::vector<const LedgerEntry*>& LedgerIndex::of(std::string_view held) const {
  return lookup(held_, held);
}

const std::vector<const LedgerEntry*>& LedgerIndex::by_holder(std::string_view holder) const {
  return lookup(holders_, holder);
}

std::vector<const CallerSum*> LedgerIndex::sums_of(std::string_view held,
                                                   std::string_view counter) const {
  std::vector<const CallerSum*> out;
  if (book_ == nullptr) return out;
  for (const auto& sum : book_->sums) {
    if (sum.held == held && sum.counter == counter) out.push_back(&sum);
  }
  return out;
}

bool LedgerIndex::is_complete(std::string_view cls) const {
  return book_ != nullptr &&
         std::find(book_->complete_classes.begin(), book_->complete_classes.end(), cls) !=
             book_->complete_classes.end();
}

std::string_view counter_of(std::string_view cls) {
  const auto* row = find_reference_class(cls);
  return row == nullptr ? std::string_view() : row->counter;
}

}  // namespace vmleak
