// SPDX-License-Identifier: Apache-2.0
#include "support/kernel_bug.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

std::vector<std::string> chosen_bugs() {
  const char* text = std::getenv("VMLEAK_LAB_BUG");
  std::istringstream words(text == nullptr ? "" : text);
  return {std::istream_iterator<std::string>(words), {}};
}

// One that does not come from Debian has no signature of Debian's ("E"), and
// was not built in the kernel's own tree ("O").
bool is_rebuilt(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  std::ifstream file("/sys/module/" + name + "/taint");
  std::string taint;
  return static_cast<bool>(std::getline(file, taint)) && taint.find('O') != std::string::npos;
}

}  // namespace

bool is_rebuilt_kernel() { return !chosen_bugs().empty(); }

bool has_bugs() {
  const auto bugs = chosen_bugs();
  return std::any_of(bugs.begin(), bugs.end(),
                     [](const std::string& bug) { return bug.rfind("none:", 0) != 0; });
}

Kernel kernel_with(std::string_view bug, std::string_view module) {
  const auto words = chosen_bugs();
  const auto has = [&words](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const auto kernel = has(std::string(bug))                ? Kernel::kWithBug
                      : has("none:" + std::string(module)) ? Kernel::kRebuilt
                                                           : Kernel::kOther;
  if (kernel != Kernel::kOther && !is_rebuilt(std::string(module))) {
    fail("the {} that is loaded is not rebuilt", module);
  }
  return kernel;
}

std::vector<Finding> new_findings(const Audit& before, const Audit& after) {
  std::vector<Finding> result;
  for (const auto& finding : after.findings) {
    const bool known =
        std::any_of(before.findings.begin(), before.findings.end(),
                    [&finding](const Finding& old) { return old.id() == finding.id(); });
    if (!known) result.push_back(finding);
  }
  return result;
}

}  // namespace vmleak::scenarios
