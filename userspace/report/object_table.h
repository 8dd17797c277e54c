// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/explain.h"
#include "base/result.h"
#include "model/snapshot.h"

namespace vmleak {

inline constexpr std::string_view kObjectsSchema = "vmleak.objects/1";

struct ObjectTableOptions {
  std::vector<std::string> columns;  // as parse_columns() returns them
  bool headings = true;
  bool raw = false;        // one space between columns, blanks in values as \x20
  bool addresses = false;  // show the ADDRESS column's values
};

// The names of a comma-separated list, in capitals; for an empty list the
// default columns.  Error names the unknown column and the valid ones.
Result<std::vector<std::string>> parse_columns(std::string_view list);

// "NAME  what it is" for each column, for --help.
std::string describe_columns();

// The nodes that are counted objects, in the order of the book.
std::vector<NodeId> object_nodes(const Book& book);

// `explanations` are those of object_nodes(book), in this order.
std::string object_table(const std::vector<Explanation>& explanations, const Book& book,
                         const ObjectTableOptions& options);

// The same rows as JSON; the keys are the columns in small letters.
std::string object_json_table(const std::vector<Explanation>& explanations, const Book& book,
                              const ObjectTableOptions& options);

}  // namespace vmleak
