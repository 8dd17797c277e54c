// SPDX-License-Identifier: Apache-2.0
#include "report/object_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/json_parts.h"
#include "report/phrases.h"
#include "report/text.h"

namespace vmleak {
namespace {

constexpr std::size_t kHoldersShown = 4;

constexpr std::array kObjectKinds{
    NodeKind::kKvm,        NodeKind::kVfioGroup, NodeKind::kVfioDevice, NodeKind::kVfioContainer,
    NodeKind::kIommuGroup, NodeKind::kMm,        NodeKind::kModule,     NodeKind::kFile};

struct Row {
  const Explanation& it;
  const Node* node;
  bool addresses;
};

Json owner_name(const Row& row) { return row.it.owner ? text_or_null(row.it.owner->name) : Json(); }

Json owner_uuid(const Row& row) { return row.it.owner ? text_or_null(row.it.owner->uuid) : Json(); }

// An object's first counter is the one that keeps it alive.
Json first_counter(const Row& row) {
  return row.it.counters.empty() ? Json() : text_or_null(row.it.counters.front().name);
}

Json references(const Row& row) {
  return row.it.counters.empty() ? Json() : Json(row.it.counters.front().value);
}

Json sum(const Row& row, std::int64_t CounterBalance::*field) {
  std::int64_t total = 0;
  for (const auto& balance : row.it.counters) total += balance.*field;
  return row.it.counters.empty() ? Json() : Json(total);
}

Json all_counters(const Row& row) {
  std::string text;
  for (const auto& balance : row.it.counters) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", balance.name, balance.value);
  }
  return text_or_null(text);
}

void collect_ends(const HolderTree& tree, std::vector<std::string>& ends) {
  if (!tree.holders.empty()) {
    for (const auto& holder : tree.holders) collect_ends(holder, ends);
    return;
  }
  auto end = tree.link;
  end.detail.clear();
  auto text = link_text(end);
  if (std::find(ends.begin(), ends.end(), text) == ends.end()) ends.push_back(std::move(text));
}

Json holders(const Row& row) {
  std::vector<std::string> ends;
  for (const auto& holder : row.it.holders) collect_ends(holder, ends);
  const auto shown = std::min(kHoldersShown, ends.size());
  auto text = fmt::format(
      "{}", fmt::join(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < ends.size()) text += fmt::format(" and {} more", ends.size() - shown);
  return text_or_null(text);
}

Json address(const Row& row) {
  if (!row.addresses || row.node == nullptr || row.node->address == 0) return {};
  return fmt::format("{:#018x}", row.node->address);
}

struct Column {
  std::string_view name;
  std::string_view what;
  bool by_default;
  Json (*value)(const Row& row);
};

constexpr std::array kColumns = std::to_array<Column>({
    {"KIND", "kind of object", true, [](const Row& row) { return Json(row.it.object.kind); }},
    {"ID", "id within its kind", true, [](const Row& row) { return Json(row.it.object.id); }},
    {"NAME", "name for people", true,
     [](const Row& row) { return text_or_null(row.it.object.name); }},
    {"OWNER", "VM it belongs to", true, owner_name},
    {"UUID", "UUID of that VM", false, owner_uuid},
    {"VERDICT", "clean, releasing, stale, held, leaked or inconclusive", true,
     [](const Row& row) { return Json(to_string(row.it.verdict)); }},
    {"COUNTER", "name of the counter that REFS shows", false, first_counter},
    {"REFS", "references that are out", true, references},
    {"UNACCOUNTED", "references, of all counters, that no visible holder explains", true,
     [](const Row& row) { return sum(row, &CounterBalance::unaccounted); }},
    {"BOUND", "so many of them may be tasks inside a system call", false,
     [](const Row& row) { return sum(row, &CounterBalance::bound); }},
    {"COUNTERS", "all counters with their values", false, all_counters},
    {"HOLDERS", "processes and kernel threads that hold it", true, holders},
    {"STATE", "what it is doing, in one line", false,
     [](const Row& row) { return text_or_null(row.it.state); }},
    {"FINDINGS", "ids of the findings it is part of", false,
     [](const Row& row) {
       return text_or_null(fmt::format("{}", fmt::join(row.it.finding_ids, ",")));
     }},
    {"ADDRESS", "kernel address (only with --addresses)", false, address},
});

const Column* find_column(std::string_view name) {
  const auto* column = std::find_if(kColumns.begin(), kColumns.end(),
                                    [name](const Column& it) { return it.name == name; });
  return column == kColumns.end() ? nullptr : column;
}

std::vector<const Column*> chosen(const ObjectTableOptions& options) {
  std::vector<const Column*> columns;
  for (const auto& name : options.columns) {
    if (const auto* column = find_column(name)) columns.push_back(column);
  }
  return columns;
}

const Node* node_of(const Book& book, const ObjectRef& object) {
  const auto id = object.kind + ":" + object.id;
  const auto node = std::find_if(book.nodes.begin(), book.nodes.end(),
                                 [&id](const Node& it) { return it.id == id; });
  return node == book.nodes.end() ? nullptr : &*node;
}

std::string escape_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == ' ' ? std::string("\\x20") : std::string(1, c);
  return out;
}

std::string cell_text(const Json& value, bool raw) {
  if (value.is_null()) return "-";
  auto text = printable(value.is_string() ? value.get<std::string>() : value.dump());
  return raw ? escape_blanks(text) : text;
}

using Line = std::vector<std::string>;

std::string print_lines(const std::vector<Line>& lines, const std::vector<bool>& right, bool raw) {
  std::vector<int> widths(right.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = raw ? 0 : std::max(widths[i], display_width(line[i]));
    }
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto gap = static_cast<std::size_t>(std::max(widths[i] - display_width(line[i]), 0));
      if (i > 0) out += ' ';
      if (right[i]) out += std::string(gap, ' ');
      out += line[i];
      if (!right[i] && i + 1 < line.size()) out += std::string(gap, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> parse_columns(std::string_view list) {
  std::vector<std::string> names;
  if (list.empty()) {
    for (const auto& column : kColumns) {
      if (column.by_default) names.emplace_back(column.name);
    }
    return names;
  }
  while (true) {
    const auto comma = list.find(',');
    const auto name = upper(list.substr(0, comma));
    if (find_column(name) == nullptr) {
      std::string valid;
      for (const auto& column : kColumns) {
        valid += fmt::format("{}{}", valid.empty() ? "" : ", ", column.name);
      }
      return Error{fmt::format("unknown column \"{}\"; there are {}", name, valid)};
    }
    names.push_back(name);
    if (comma == std::string_view::npos) return names;
    list.remove_prefix(comma + 1);
  }
}

std::string describe_columns() {
  std::string out;
  for (const auto& column : kColumns) {
    out += fmt::format("  {:<12} {}\n", column.name, column.what);
  }
  return out;
}

std::vector<NodeId> object_nodes(const Book& book) {
  std::vector<NodeId> nodes;
  for (const auto& node : book.nodes) {
    if (std::find(kObjectKinds.begin(), kObjectKinds.end(), node.kind) != kObjectKinds.end()) {
      nodes.push_back(node.id);
    }
  }
  return nodes;
}

std::string object_table(const std::vector<Explanation>& explanations, const Book& book,
                         const ObjectTableOptions& options) {
  const auto columns = chosen(options);
  std::vector<Line> lines;
  std::vector<bool> right(columns.size(), false);
  if (options.headings) {
    Line headings;
    for (const auto* column : columns) headings.emplace_back(column->name);
    lines.push_back(std::move(headings));
  }
  for (const auto& explanation : explanations) {
    const Row row{explanation, node_of(book, explanation.object), options.addresses};
    Line line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto value = columns[i]->value(row);
      if (value.is_number()) right[i] = true;
      line.push_back(cell_text(value, options.raw));
    }
    lines.push_back(std::move(line));
  }
  return print_lines(lines, right, options.raw);
}

std::string object_json_table(const std::vector<Explanation>& explanations, const Book& book,
                              const ObjectTableOptions& options) {
  Json document{{"schema", kObjectsSchema}, {"objects", Json::array()}};
  for (const auto& explanation : explanations) {
    const Row row{explanation, node_of(book, explanation.object), options.addresses};
    auto object = Json::object();
    for (const auto* column : chosen(options)) {
      std::string key(column->name);
      for (auto& letter : key) letter = static_cast<char>(letter - 'A' + 'a');
      object[key] = column->value(row);
    }
    document["objects"].push_back(std::move(object));
  }
  return dump_document(document);
}

}  // namespace vmleak
