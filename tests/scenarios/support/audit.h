// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/vmleak_cli.h"

namespace vmleak::scenarios {

// One entry of "findings" in the document of `vmleak audit --format json`.
class Finding {
 public:
  explicit Finding(nlohmann::json json) : json_(std::move(json)) {}

  [[nodiscard]] const nlohmann::json& raw() const { return json_; }
  [[nodiscard]] std::string verdict() const { return json_.at("verdict"); }
  [[nodiscard]] std::string kind() const { return json_.at("object").at("kind"); }
  [[nodiscard]] std::string id() const { return json_.at("id"); }

  // True when some holder chain ends in that process.
  [[nodiscard]] bool ends_in(pid_t pid) const;
  // True when some link of some holder chain is of this kind, or says this.
  [[nodiscard]] bool passes_through(std::string_view text) const;
  // True when its impact names the device.
  [[nodiscard]] bool blocks_device(const std::string& pci_address) const;
  // True when a consequence is about an object of this kind.
  [[nodiscard]] bool has_consequence(std::string_view kind) const;
  // References of its counters of that name that nobody holds.
  [[nodiscard]] std::int64_t unaccounted(std::string_view counter) const;
  // The same of all its counters.
  [[nodiscard]] std::int64_t unaccounted() const;
  // Anywhere in it, in any case of letters.
  [[nodiscard]] bool mentions(std::string_view text) const;

 private:
  nlohmann::json json_;
};

// A whole `vmleak audit --format json`.
struct Audit {
  CliResult run;
  nlohmann::json document{};
  std::vector<Finding> findings{};

  [[nodiscard]] std::string verdict() const { return document.at("verdict"); }
  // The first finding about such an object with such a verdict, or nullptr.
  [[nodiscard]] const Finding* find(std::string_view kind, std::string_view verdict) const;
  // The only finding there is, or nullptr.
  [[nodiscard]] const Finding* only() const {
    return findings.size() == 1 ? findings.data() : nullptr;
  }
};

std::ostream& operator<<(std::ostream& stream, const Audit& audit);

// Runs it; throws when what it printed is not such a document.
Audit run_audit(const std::vector<std::string>& arguments = {"--settle", "1"});

// Exit code 0 and the verdict "clean", nothing found.
testing::AssertionResult is_clean(const Audit& audit);
// Exit code 0: as above, or something is on its way out.
testing::AssertionResult is_fine(const Audit& audit);
// Exit code 3 and one finding, with this verdict.
testing::AssertionResult has_one(const Audit& audit, std::string_view verdict);

}  // namespace vmleak::scenarios
