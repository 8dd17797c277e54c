// SPDX-License-Identifier: Apache-2.0
#include "attach/armed_families.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attach/attach_plan.h"
#include "attach/ledger_families.h"

namespace vmleak {
namespace {

using nlohmann::json;

json to_document(const ArmedFamily& family) {
  auto functions = json::object();
  for (const auto& [name, place] : family.functions) {
    functions[name] = {
        {"address", place.address}, {"module", place.module}, {"module_life", place.module_life}};
  }
  return {{"name", family.row.name},       {"state", family.row.state},
          {"program", family.row.program}, {"lost_without", family.row.lost_without},
          {"classes", family.row.classes}, {"programs", family.programs},
          {"told", family.told},           {"functions", std::move(functions)}};
}

ArmedFamily from_document(const json& document) {
  ArmedFamily family;
  family.row.name = document.at("name").get<std::string>();
  family.row.state = document.at("state").get<FamilyState>();
  family.row.program = document.at("program").get<std::string>();
  family.row.lost_without = document.at("lost_without").get<std::string>();
  family.row.classes = document.at("classes").get<std::vector<std::string>>();
  family.programs = document.at("programs").get<std::vector<std::string>>();
  family.told = document.at("told").get<std::vector<std::uint64_t>>();
  for (const auto& [name, place] : document.at("functions").items()) {
    family.functions[name] = {place.at("address").get<std::uint64_t>(),
                              place.at("module").get<std::string>(),
                              place.at("module_life").get<std::uint64_t>()};
  }
  return family;
}

// Where a program of the family sits that has gone with its module; empty when none has.
std::string_view moved_function(const ArmedFamily& family, const FunctionPlaces& now) {
  for (const auto& program : family.programs) {
    if (is_trampoline(program)) continue;
    const auto function = program_target(program).function;
    const auto then = family.functions.find(function);
    const auto found = now.find(function);
    if (then == family.functions.end() || found == now.end() || !(found->second == then->second)) {
      return function;
    }
  }
  return {};
}

}  // namespace

std::string armed_families_to_text(std::span<const ArmedFamily> families) {
  auto document = json::array();
  for (const auto& family : families) document.push_back(to_document(family));
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::vector<ArmedFamily>> armed_families_from_text(std::string_view text) {
  std::vector<ArmedFamily> families;
  try {
    for (const auto& document : json::parse(text)) families.push_back(from_document(document));
  } catch (const json::exception& error) {
    return Error{fmt::format("read the families of the ledger: {}", error.what())};
  }
  return families;
}

void mark_stale(std::vector<ArmedFamily>& families, const FunctionPlaces& now) {
  for (auto& family : families) {
    if (family.row.state != FamilyState::kAttached) continue;
    const auto function = moved_function(family, now);
    if (function.empty()) continue;
    family.row.state = FamilyState::kStale;
    family.row.lost_without +=
        fmt::format(" (the module of {} was unloaded since the ledger was armed)", function);
  }
}

std::set<std::string, std::less<>> running_programs(std::span<const ArmedFamily> families) {
  std::set<std::string, std::less<>> programs;
  for (const auto& family : families) {
    if (family.row.state != FamilyState::kAttached) continue;
    programs.insert(family.programs.begin(), family.programs.end());
  }
  return programs;
}

std::vector<std::string> kept_modules(std::span<const ArmedFamily> families) {
  std::set<std::string> modules;
  for (const auto& family : families) {
    for (const auto& program : family.programs) {
      const auto place = family.functions.find(program_target(program).function);
      if (is_trampoline(program) && place != family.functions.end() &&
          !place->second.module.empty()) {
        modules.insert(place->second.module);
      }
    }
  }
  return {modules.begin(), modules.end()};
}

}  // namespace vmleak
