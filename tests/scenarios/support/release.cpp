// SPDX-License-Identifier: Apache-2.0
#include "support/release.h"

#include <algorithm>
#include <ostream>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

using nlohmann::json;

Release parse(CliResult run) {
  Release release{.run = std::move(run)};
  release.document = json::parse(release.run.out, nullptr, /*allow_exceptions=*/false);
  if (release.document.is_discarded() || !release.document.contains("plan")) {
    fail("{}: no document, exit code {}:\n{}\n{}", release.run.command, release.run.exit_code,
         release.run.out, release.run.err);
  }
  return release;
}

bool any_starts_with(const json& list, std::string_view text) {
  return std::any_of(list.begin(), list.end(), [text](const json& item) {
    return item.get<std::string>().starts_with(text);
  });
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Release& release) {
  return stream << release.run;
}

std::string Release::action() const { return text_of(document.at("plan").at("action")); }

bool Release::is_blocked_by(std::string_view text) const {
  const auto& list = document.at("plan").at("blocked_by");
  return std::any_of(list.begin(), list.end(), [text](const json& item) {
    return item.get<std::string>().find(text) != std::string::npos;
  });
}

bool Release::leads_to(std::string_view command) const {
  const auto& of = document.at("run").is_null() ? document.at("plan") : document.at("run");
  return any_starts_with(of.at("next"), command);
}

std::string Release::outcome() const {
  const auto& ran = document.at("run");
  return ran.is_null() ? "" : text_of(ran.at("outcome"));
}

std::string Release::result_of(std::string_view step_kind) const {
  if (document.at("run").is_null()) return "";
  for (const auto& step : document.at("run").at("steps")) {
    if (step.at("kind") == step_kind) return text_of(step.at("result"));
  }
  return "";
}

bool Release::mentions(std::string_view text) const {
  return document.dump().find(text) != std::string::npos;
}

std::vector<std::string> release_arguments(const std::string& target,
                                           const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"release", target, "--format", "json", "--settle", "1"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return arguments;
}

Release run_release(const std::string& target, const std::vector<std::string>& options) {
  return parse(run_vmleak(release_arguments(target, options)));
}

Release finish_release(Vmleak& program) { return parse(program.finish()); }

}  // namespace vmleak::scenarios
