// SPDX-License-Identifier: Apache-2.0
#include "base/shared_library.h"

#include <dlfcn.h>

#include <cerrno>

namespace vmleak {

Result<SharedLibrary> SharedLibrary::load(const std::string& name) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Error{fmt::format("load {}: it is not installed", name), ENOENT};
  return SharedLibrary(name, handle);
}

void* SharedLibrary::find(const char* function) {
  void* found = ::dlsym(handle_, function);
  if (found == nullptr && missing_.empty()) missing_ = function;
  return found;
}

Status SharedLibrary::complete() const {
  if (missing_.empty()) return {};
  return Error{fmt::format("load {}: it has no function {}", name_, missing_), ENOENT};
}

}  // namespace vmleak
