// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_support.h"

#include <algorithm>
#include <map>
#include <string>

#include "bpf/kernel_program.h"
#include "bpf/libbpf_log.h"

namespace vmleak {
namespace {

// Exists in every kernel, is called seldom, and is no function of a module.
constexpr const char* kTried = "__anon_inode_getfile";

}  // namespace

FunctionTypes read_function_types(const LedgerKernel& kernel) {
  collect_libbpf_complaints();
  std::map<std::string, std::string, std::less<>> functions;
  for (const auto& [name, function] : kernel.functions) functions[name] = function.place.module;
  return FunctionTypes(functions);
}

AttachSupport find_support(const LedgerOptions& options, const LedgerKernel& kernel) {
  return find_support(options, kernel, read_function_types(kernel));
}

AttachSupport find_support(const LedgerOptions& options, const LedgerKernel& kernel,
                           const FunctionTypes& types) {
  AttachSupport support;
  support.without = options.without;
  support.files = options.files;
  support.dma = options.dma;
  for (const auto& [name, function] : kernel.functions) {
    support.functions[name] = {function.place.module, types.find(name) != nullptr,
                               function.symbols};
  }
  const auto is_off = [&](std::string_view kind) {
    return std::find(options.without.begin(), options.without.end(), kind) != options.without.end();
  };
  if (types.error() != 0) {
    support.refused_kinds["fentry"] =
        system_error("read the kernel's type information", types.error()).message;
  } else if (!is_off("fentry")) {
    const auto* place = types.find(kTried);
    const auto tried =
        place == nullptr ? Status(Error{"it has no type information"}) : try_trampoline(place->id);
    if (!tried) support.refused_kinds["fentry"] = tried.error().message;
  }
  if (!is_off("kprobe")) {
    if (const auto tried = try_kprobe(kTried); !tried) {
      support.refused_kinds["kprobe"] = tried.error().message;
    }
  }
  return support;
}

}  // namespace vmleak
