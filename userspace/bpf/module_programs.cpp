// SPDX-License-Identifier: Apache-2.0
#include "bpf/module_programs.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <map>
#include <string>

#include "base/file_descriptor.h"

namespace vmleak {
namespace {

// Name of the module that type information belongs to; empty when it is the
// kernel's own or a program's.
std::string module_of_btf(std::uint32_t id) {
  const FileDescriptor btf(bpf_btf_get_fd_by_id(id));
  if (!btf) return {};
  std::array<char, VMLEAK_NAME_LEN * 2> name{};
  bpf_btf_info info{};
  info.name = reinterpret_cast<std::uintptr_t>(name.data());
  info.name_len = name.size();
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(btf.get(), &info, &size) != 0) return {};
  const std::string module = name.data();
  return info.kernel_btf != 0 && module != "vmlinux" ? module : std::string();
}

}  // namespace

Result<std::vector<ModuleProgram>> list_module_programs() {
  std::vector<ModuleProgram> programs;
  std::map<std::uint32_t, std::string> modules;  // by the id of their type information
  std::uint32_t id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) {
    const FileDescriptor program(bpf_prog_get_fd_by_id(id));
    if (!program) continue;  // gone meanwhile
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0 || info.attach_btf_obj_id == 0) {
      continue;
    }
    const auto [module, is_new] = modules.try_emplace(info.attach_btf_obj_id);
    if (is_new) module->second = module_of_btf(info.attach_btf_obj_id);
    if (!module->second.empty()) programs.push_back({module->second, info.name, id});
  }
  if (errno != ENOENT) return system_error("list BPF programs", errno);
  return programs;
}

}  // namespace vmleak
