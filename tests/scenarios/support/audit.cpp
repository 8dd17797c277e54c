// SPDX-License-Identifier: Apache-2.0
#include "support/audit.h"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <sstream>

#include "support/check.h"

namespace vmleak::scenarios {

using nlohmann::json;

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool contains(const json& value, std::string_view text) {
  return lower(value.dump()).find(lower(text)) != std::string::npos;
}

testing::AssertionResult answer(bool holds, const Audit& audit) {
  return (holds ? testing::AssertionSuccess() : testing::AssertionFailure()) << audit;
}

}  // namespace

bool Finding::ends_in(pid_t pid) const {
  const auto& holders = json_.at("holders");
  return std::any_of(holders.begin(), holders.end(), [pid](const json& holder) {
    const auto& chain = holder.at("chain");
    return !chain.empty() && chain.back().at("pid") == pid;
  });
}

bool Finding::passes_through(std::string_view text) const {
  return contains(json_.at("holders"), text);
}

bool Finding::blocks_device(const std::string& pci_address) const {
  const auto& devices = json_.at("impact").at("devices");
  return std::find(devices.begin(), devices.end(), pci_address) != devices.end();
}

bool Finding::has_consequence(std::string_view kind) const {
  const auto& consequences = json_.at("consequences");
  return std::any_of(consequences.begin(), consequences.end(),
                     [kind](const json& one) { return one.at("kind") == kind; });
}

std::int64_t Finding::unaccounted(std::string_view name) const {
  std::int64_t sum = 0;
  for (const auto& counter : json_.at("counters")) {
    if (counter.at("name") == name) sum += counter.at("unaccounted").get<std::int64_t>();
  }
  return sum;
}

std::int64_t Finding::unaccounted() const {
  std::int64_t sum = 0;
  for (const auto& counter : json_.at("counters")) {
    sum += counter.at("unaccounted").get<std::int64_t>();
  }
  return sum;
}

bool Finding::mentions(std::string_view text) const { return contains(json_, text); }

const Finding* Audit::find(std::string_view kind, std::string_view verdict) const {
  const auto found = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.kind() == kind && finding.verdict() == verdict;
  });
  return found == findings.end() ? nullptr : &*found;
}

std::ostream& operator<<(std::ostream& stream, const Audit& audit) { return stream << audit.run; }

Audit run_audit(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"audit", "--format", "json"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Audit audit{.run = run_vmleak(all)};
  audit.document = json::parse(audit.run.out, nullptr, /*allow_exceptions=*/false);
  const auto& document = audit.document;
  if (!document.is_object() || document.value("schema", "") != "vmleak.audit/1") {
    std::ostringstream message;
    message << "not a vmleak.audit/1 document:\n" << audit.run;
    fail("{}", message.str());
  }
  for (const auto& finding : document.at("findings")) audit.findings.emplace_back(finding);
  return audit;
}

testing::AssertionResult is_clean(const Audit& audit) {
  return answer(audit.run.exit_code == 0 && audit.verdict() == "clean" && audit.findings.empty(),
                audit);
}

testing::AssertionResult is_fine(const Audit& audit) {
  return answer(audit.run.exit_code == 0, audit);
}

testing::AssertionResult has_one(const Audit& audit, std::string_view verdict) {
  return answer(audit.run.exit_code == 3 && audit.verdict() == verdict &&
                    audit.findings.size() == 1 && audit.findings[0].verdict() == verdict,
                audit);
}

}  // namespace vmleak::scenarios
