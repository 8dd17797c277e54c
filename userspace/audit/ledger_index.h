// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/snapshot.h"

namespace vmleak {

// The ledger of one book, looked up once; empty when the book has none.  Does
// not own the book.
class LedgerIndex {
 public:
  explicit LedgerIndex(const Book& book);

  // nullptr: nothing is armed.
  [[nodiscard]] const LedgerBook* book() const { return book_; }
  [[nodiscard]] const std::vector<const LedgerEntry*>& of(std::string_view held) const;
  [[nodiscard]] const std::vector<const LedgerEntry*>& by_holder(std::string_view holder) const;
  [[nodiscard]] std::vector<const CallerSum*> sums_of(std::string_view held,
                                                      std::string_view counter) const;
  [[nodiscard]] bool is_complete(std::string_view cls) const;

 private:
  using Entries = std::unordered_map<std::string_view, std::vector<const LedgerEntry*>>;

  const LedgerBook* book_;
  Entries held_;
  Entries holders_;
};

// The counter that references of a class are a part of; empty when the class
// is not known.
std::string_view counter_of(std::string_view cls);

}  // namespace vmleak
