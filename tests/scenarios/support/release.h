// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/vmleak_cli.h"

namespace vmleak::scenarios {

// A whole `vmleak release TARGET --format json`.
struct Release {
  CliResult run;
  nlohmann::json document{};

  [[nodiscard]] int exit_code() const { return run.exit_code; }
  [[nodiscard]] std::string action() const;
  [[nodiscard]] std::string plan_id() const { return document.at("plan").at("id"); }
  // A reason why the plan can't be carried out has this text.
  [[nodiscard]] bool is_blocked_by(std::string_view text) const;
  // A command that it says to go on with begins like this.
  [[nodiscard]] bool leads_to(std::string_view command) const;
  // "released", "not released", "stopped"; empty when nothing was begun.
  [[nodiscard]] std::string outcome() const;
  // The result of the first step of this kind: "done", ...; empty: no such step.
  [[nodiscard]] std::string result_of(std::string_view step_kind) const;
  // Anywhere in the document.
  [[nodiscard]] bool mentions(std::string_view text) const;
};

std::ostream& operator<<(std::ostream& stream, const Release& release);

// Runs it; throws when what it printed is not such a document.
Release run_release(const std::string& target, const std::vector<std::string>& options = {});

// The same of a run that was started before.
Release finish_release(Vmleak& program);

// The arguments of such a run.
std::vector<std::string> release_arguments(const std::string& target,
                                           const std::vector<std::string>& options);

}  // namespace vmleak::scenarios
