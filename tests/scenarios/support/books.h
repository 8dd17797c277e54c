// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak::scenarios {

// The present book of a `vmleak snapshot`, read by its JSON names only: what
// it claims is added up here once more, independent of the program's rules.
class Books {
 public:
  // Runs `vmleak snapshot`; throws when it fails.
  static Books take();

  // The id of the node of that kind one of whose facts has this value, e.g.
  // ("kvm", "creator_pid", 4711).  Throws when there is not exactly one.
  [[nodiscard]] std::string node(std::string_view kind, const char* fact,
                                 const nlohmann::json& value) const;
  [[nodiscard]] std::size_t count(std::string_view kind) const;
  [[nodiscard]] nlohmann::json fact(const std::string& node, const char* name) const;

  // Nothing when the node has no such counter.
  [[nodiscard]] std::optional<std::int64_t> counter(const std::string& node,
                                                    std::string_view name) const;
  // Visible references that this counter counts, by class.
  [[nodiscard]] std::map<std::string, std::int64_t> classes(const std::string& node,
                                                            std::string_view counter) const;
  // The counter's value less those.
  [[nodiscard]] std::int64_t unaccounted(const std::string& node, std::string_view counter) const;

  // References of a class that were seen, and those that the ledger has out.
  [[nodiscard]] std::int64_t seen(std::string_view cls) const;
  [[nodiscard]] std::map<std::string, std::int64_t> recorded() const;
  // What the ledger has of references that this process took.
  [[nodiscard]] std::vector<nlohmann::json> recorded_of(pid_t pid) const;

  [[nodiscard]] const nlohmann::json& losses() const { return book_.at("losses"); }

 private:
  explicit Books(nlohmann::json book) : book_(std::move(book)) {}

  [[nodiscard]] const nlohmann::json& at(const std::string& node) const;

  nlohmann::json book_;
};

}  // namespace vmleak::scenarios
