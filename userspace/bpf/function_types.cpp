// SPDX-License-Identifier: Apache-2.0
#include "bpf/function_types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "bpf/handles.h"

namespace vmleak {
namespace {

using Btf = std::unique_ptr<btf, FreeWith<btf__free>>;
using Names = std::set<std::string, std::less<>>;

// Calls `found` for each of these functions among the types from `first` on.
template <class Found>
void for_each_function(const btf& types, std::uint32_t first, const Names& names, Found found) {
  for (std::uint32_t id = first; id < btf__type_cnt(&types); ++id) {
    const auto* type = btf__type_by_id(&types, id);
    if (!btf_is_func(type)) continue;
    const auto name = names.find(std::string_view(btf__name_by_offset(&types, type->name_off)));
    if (name != names.end()) found(*name, id);
  }
}

// Loaded modules' types by the name of the module, of those wanted.
std::map<std::string, FileDescriptor, std::less<>> open_module_types(const Names& modules) {
  std::map<std::string, FileDescriptor, std::less<>> opened;
  std::uint32_t id = 0;
  while (opened.size() < modules.size() && bpf_btf_get_next_id(id, &id) == 0) {
    FileDescriptor types(bpf_btf_get_fd_by_id(id));
    if (!types) continue;  // gone meanwhile
    std::array<char, 64> name{};
    bpf_btf_info info{};
    info.name = reinterpret_cast<std::uintptr_t>(name.data());
    info.name_len = name.size();
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(types.get(), &info, &size) != 0 || info.kernel_btf == 0) continue;
    if (modules.contains(std::string_view(name.data()))) opened[name.data()] = std::move(types);
  }
  return opened;
}

}  // namespace

FunctionTypes::FunctionTypes(const std::map<std::string, std::string, std::less<>>& functions) {
  const Btf kernel(btf__load_vmlinux_btf());
  if (!kernel) {
    error_ = errno;
    return;
  }
  std::map<std::string, Names> wanted;  // by module
  for (const auto& [name, module] : functions) wanted[module].insert(name);
  for_each_function(*kernel, 1, wanted[""], [&](const std::string& name, std::uint32_t id) {
    places_[name] = {id, 0};
  });
  Names modules;
  for (const auto& [module, names] : wanted) {
    if (!module.empty()) modules.insert(module);
  }
  modules_ = open_module_types(modules);
  for (const auto& [module, fd] : modules_) {
    const Btf types(btf__load_module_btf(module.c_str(), kernel.get()));
    if (!types) continue;
    for_each_function(*types, btf__type_cnt(kernel.get()), wanted[module],
                      [&, btf_fd = fd.get()](const std::string& name, std::uint32_t id) {
                        places_[name] = {id, btf_fd};
                      });
  }
}

const FunctionTypes::Place* FunctionTypes::find(std::string_view function) const {
  const auto found = places_.find(function);
  return found == places_.end() ? nullptr : &found->second;
}

}  // namespace vmleak
