// SPDX-License-Identifier: Apache-2.0
#include "cli/normalise.h"

#include <algorithm>

namespace vmleak {
namespace {

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.front() == '-';
}

bool is_command(const std::string& argument) {
  const auto& names = command_names();
  return std::find(names.begin(), names.end(), argument) != names.end();
}

}  // namespace

const std::vector<std::string_view>& command_names() {
  static const std::vector<std::string_view> names{"audit",  "explain",  "arm",     "disarm",
                                                   "doctor", "snapshot", "release", "journal"};
  return names;
}

std::string command_in(const std::vector<std::string>& arguments) {
  const auto first = std::find_if_not(arguments.begin(), arguments.end(), is_option);
  return first != arguments.end() && is_command(*first) ? *first : std::string();
}

std::vector<std::string> normalise(std::vector<std::string> arguments) {
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--wait") argument += "=" + std::string(kWaitForever);
  }
  const auto first = std::find_if_not(arguments.begin(), arguments.end(), is_option);
  if (first == arguments.end() || is_command(*first)) return arguments;
  if (*first == "help") {
    arguments.erase(first);
    arguments.emplace_back("--help");
  } else {
    arguments.insert(arguments.begin(), "explain");
  }
  return arguments;
}

}  // namespace vmleak
