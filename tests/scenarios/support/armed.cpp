// SPDX-License-Identifier: Apache-2.0
#include "support/armed.h"

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>

#include "support/check.h"
#include "support/vmleak_cli.h"

namespace vmleak::scenarios {
namespace {

using nlohmann::json;

json document_of(const CliResult& run) {
  auto document = json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  if (run.exit_code != 0 || !document.is_object()) {
    std::ostringstream message;
    message << run;
    fail("not armed:\n{}", message.str());
  }
  return document;
}

}  // namespace

Armed::Armed(const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"arm", "--format", "json"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  document_of(run_vmleak(arguments));
}

Armed::~Armed() {
  try {
    disarm();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

void Armed::disarm() {
  if (!armed_) return;
  armed_ = false;
  document_of(run_vmleak({"disarm", "--format", "json"}));
}

json Armed::again() const { return document_of(run_vmleak({"arm", "--format", "json"})); }

json Armed::status() const {
  return document_of(run_vmleak({"arm", "--status", "--format", "json"}));
}

std::int64_t Armed::entries() const { return status().at("ledger").at("entries"); }

std::vector<std::string> loaded_programs() {
  const std::unique_ptr<FILE, decltype(&::pclose)> pipe(
      ::popen("PATH=$PATH:/usr/sbin bpftool --json prog show", "r"), &::pclose);
  if (!pipe) fail("run bpftool");
  std::string text;
  std::array<char, 4096> chunk{};
  while (const auto size = std::fread(chunk.data(), 1, chunk.size(), pipe.get())) {
    text.append(chunk.data(), size);
  }
  std::vector<std::string> names;
  for (const auto& program : json::parse(text)) names.push_back(program.value("name", ""));
  return names;
}

}  // namespace vmleak::scenarios
