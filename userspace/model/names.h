// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vmleak {

// The names of an enumeration's values in output and in snapshot files.
template <class E, std::size_t N>
using NameTable = std::array<std::pair<E, std::string_view>, N>;

template <class E, std::size_t N>
std::string_view name_of(const NameTable<E, N>& table, E value) {
  const auto* row = std::find_if(table.begin(), table.end(),
                                 [value](const auto& entry) { return entry.first == value; });
  return row == table.end() ? "?" : row->second;
}

template <class E, std::size_t N>
std::optional<E> value_of(const NameTable<E, N>& table, std::string_view name) {
  const auto* row = std::find_if(table.begin(), table.end(),
                                 [name](const auto& entry) { return entry.second == name; });
  if (row == table.end()) return std::nullopt;
  return row->first;
}

template <class E, std::size_t N>
void read_name(const NameTable<E, N>& table, const nlohmann::json& json, E& value) {
  const auto& name = json.get_ref<const std::string&>();
  const auto found = value_of(table, name);
  if (!found) {
    throw nlohmann::json::other_error::create(501, "unknown name \"" + name + "\"", &json);
  }
  value = *found;
}

}  // namespace vmleak
