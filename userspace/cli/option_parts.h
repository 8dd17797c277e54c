// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/format.h"

namespace vmleak {

// A value and its name on the command line.
template <class T>
using Named = std::pair<std::string_view, T>;

inline constexpr auto kFormats = std::to_array<Named<Format>>(
    {{"text", Format::kText}, {"json", Format::kJson}, {"ndjson", Format::kNdjson}});
inline constexpr auto kDocumentFormats =
    std::to_array<Named<Format>>({{"text", Format::kText}, {"json", Format::kJson}});

template <class T>
T choose(std::span<const Named<T>> names, const std::string& wanted) {
  std::string valid;
  for (const auto& [name, value] : names) {
    if (name == wanted) return value;
    valid += fmt::format("{}{}", valid.empty() ? "" : ", ", name);
  }
  throw CLI::ValidationError(fmt::format("\"{}\" is none of {}", wanted, valid));
}

// An option whose text `convert` turns into its value, or throws.
template <class T, class Convert>
CLI::Option* add_converted(CLI::App& app, const std::string& flags, T& value, Convert convert,
                           const std::string& what, const std::string& type) {
  const auto name = flags.substr(0, flags.find(','));
  return app
      .add_option_function<std::string>(
          flags,
          [&value, convert, name](const std::string& text) {
            try {
              value = convert(text);
            } catch (const CLI::ValidationError& error) {
              throw CLI::ValidationError(name + ": " + error.what());
            }
          },
          what)
      ->type_name(type);
}

inline CLI::Option* add_format(CLI::App& app, Format& format,
                               std::span<const Named<Format>> names) {
  std::string list;
  for (const auto& row : names) list += fmt::format("{}{}", list.empty() ? "" : "|", row.first);
  return add_converted(
      app, "--format", format, [names](const std::string& text) { return choose(names, text); },
      "for people (default) or for programs", list);
}

// `names`: the capabilities that there are.
inline CLI::Option* add_without(CLI::App& app, std::vector<std::string>& without,
                                const std::vector<std::string>& names) {
  return app
      .add_option("--without", without,
                  "Switch a capability off, to see what is lost without it (repeatable)")
      ->type_name("CAPABILITY")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [names](const std::string& name) {
            return std::find(names.begin(), names.end(), name) != names.end()
                       ? std::string()
                       : fmt::format("no capability \"{}\"; there are {}", name,
                                     fmt::join(names, ", "));
          },
          ""));
}

}  // namespace vmleak
