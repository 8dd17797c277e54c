// SPDX-License-Identifier: Apache-2.0
#include "commands/ledger_kernel.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "attach/ledger_families.h"
#include "bpf/file_type_table.h"
#include "host/kallsyms.h"
#include "host/modules.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kPage = 4096;

// Modules whose own gets and puts the ledger knows by their tokens.
constexpr std::array<std::string_view, 2> kKnownModules{"kvm", "vfio"};
constexpr std::string_view kIrqBypass = "irqbypass";

bool is_known_module(std::string_view name) {
  return name == kIrqBypass ||
         std::any_of(kKnownModules.begin(), kKnownModules.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  void include(std::uint64_t from, std::uint64_t to) {
    start = start == 0 ? from : std::min(start, from);
    end = std::max(end, to);
  }
};

// Text of one module each, and of built-in KVM and VFIO what lies between the
// functions that are known.
std::vector<std::pair<std::uint64_t, std::uint64_t>> known_text(
    const std::map<std::string, Range>& modules, const LedgerKernel& kernel) {
  std::map<std::string_view, Range> ranges;
  for (const auto& [module, range] : modules) ranges[module] = range;
  for (const auto& [name, function] : kernel.functions) {
    if (!function.place.module.empty()) continue;
    for (const auto prefix : kKnownModules) {
      if (name.starts_with(prefix)) ranges[prefix].include(function.place.address, function.end);
    }
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> text;
  for (const auto& [name, range] : ranges) text.emplace_back(range.start, range.end);
  return text;
}

}  // namespace

Result<LedgerKernel> read_ledger_kernel(const HostRoot& root) {
  const auto functions = ledger_functions();
  std::vector<std::string_view> wanted(functions.begin(), functions.end());
  for (const auto& row : file_type_table()) {
    if (!row.function.empty()) wanted.push_back(row.function);
  }
  std::map<std::string, Range> modules;
  const auto symbols = read_kernel_symbols(root, wanted, [&](const KernelSymbolLine& function) {
    if (!is_known_module(function.module)) return;
    // A module's text ends with the page of its last function.
    modules[std::string(function.module)].include(function.address,
                                                  (function.address / kPage + 1) * kPage);
  });
  if (!symbols) return symbols.error();

  LedgerKernel kernel;
  for (const auto& name : functions) {
    const auto found = symbols->find(name);
    if (found.empty()) continue;
    kernel.functions[name] = {
        {found.front().address, found.front().module, module_life(root, found.front().module)},
        symbols->function_end(found.front().address),
        static_cast<unsigned>(found.size())};
  }
  kernel.known_text = known_text(modules, kernel);
  for (const auto& row : file_type_table()) {
    for (const auto& symbol : symbols->find(row.function)) {
      kernel.operations.emplace_back(symbol.address, row.type);
    }
  }
  return kernel;
}

}  // namespace vmleak
