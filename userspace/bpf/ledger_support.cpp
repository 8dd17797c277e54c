// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_support.h"

#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string>

#include "bpf/handles.h"
#include "bpf/kernel_program.h"
#include "bpf/libbpf_log.h"

namespace vmleak {
namespace {

using Btf = std::unique_ptr<btf, FreeWith<btf__free>>;

// Type information of the kernel and its modules, read when it is asked for.
class KernelTypes {
 public:
  KernelTypes() : kernel_(btf__load_vmlinux_btf()), error_(errno) {}

  [[nodiscard]] explicit operator bool() const { return kernel_ != nullptr; }
  [[nodiscard]] int error() const { return error_; }

  // The number of a function's type; negative when it has none.
  std::int32_t function(const std::string& name, const std::string& module) {
    const auto* types = of(module);
    return types == nullptr ? -1 : btf__find_by_name_kind(types, name.c_str(), BTF_KIND_FUNC);
  }

 private:
  const btf* of(const std::string& module) {
    if (!kernel_ || module.empty()) return kernel_.get();
    const auto [entry, is_new] = modules_.try_emplace(module);
    if (is_new) entry->second.reset(btf__load_module_btf(module.c_str(), kernel_.get()));
    return entry->second.get();
  }

  Btf kernel_;
  int error_;
  std::map<std::string, Btf> modules_;  // they lean on the kernel's
};

// Exists in every kernel, is called seldom, and is no function of a module.
constexpr const char* kTried = "__anon_inode_getfile";

}  // namespace

AttachSupport find_support(const LedgerOptions& options, const LedgerKernel& kernel) {
  collect_libbpf_complaints();
  AttachSupport support;
  support.without = options.without;
  support.files = options.files;
  support.dma = options.dma;
  KernelTypes types;
  for (const auto& [name, function] : kernel.functions) {
    support.functions[name] = {function.place.module,
                               types.function(name, function.place.module) >= 0, function.symbols};
  }
  const auto is_off = [&](std::string_view kind) {
    return std::find(options.without.begin(), options.without.end(), kind) != options.without.end();
  };
  if (!types) {
    support.refused_kinds["fentry"] =
        system_error("read the kernel's type information", types.error()).message;
  } else if (!is_off("fentry")) {
    const auto id = types.function(kTried, {});
    const auto tried = id < 0 ? Status(Error{"it has no type information"})
                              : try_trampoline(static_cast<std::uint32_t>(id));
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
