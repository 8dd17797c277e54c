// SPDX-License-Identifier: Apache-2.0
#include "host/modalias.h"

#include <dlfcn.h>

// Opaque types of libkmod; nothing links to it, and its header is not needed.
extern "C" {
struct kmod_ctx;
struct kmod_list;
struct kmod_module;
}

namespace vmleak {

class ModuleAliases::Library {
 public:
  static std::unique_ptr<Library> load() {
    void* handle = ::dlopen("libkmod.so.2", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return nullptr;
    auto library = std::make_unique<Library>();
    const bool complete = resolve(handle, "kmod_new", library->create_) &&
                          resolve(handle, "kmod_unref", library->unref_) &&
                          resolve(handle, "kmod_load_resources", library->load_) &&
                          resolve(handle, "kmod_module_new_from_lookup", library->lookup_) &&
                          resolve(handle, "kmod_module_get_module", library->module_) &&
                          resolve(handle, "kmod_module_get_name", library->name_) &&
                          resolve(handle, "kmod_module_unref", library->unref_module_) &&
                          resolve(handle, "kmod_module_unref_list", library->unref_list_) &&
                          resolve(handle, "kmod_list_next", library->next_);
    if (!complete) return nullptr;
    library->context_ = library->create_(nullptr, nullptr);
    if (library->context_ == nullptr) return nullptr;
    library->load_(library->context_);
    return library;
  }

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  Library(Library&&) = delete;
  Library& operator=(Library&&) = delete;
  ~Library() {
    if (context_ != nullptr) unref_(context_);
  }

  std::vector<std::string> modules(const std::string& modalias) const {
    std::vector<std::string> names;
    kmod_list* list = nullptr;
    if (lookup_(context_, modalias.c_str(), &list) < 0) return names;
    for (kmod_list* entry = list; entry != nullptr; entry = next_(list, entry)) {
      kmod_module* module = module_(entry);
      names.emplace_back(name_(module));
      unref_module_(module);
    }
    unref_list_(list);
    return names;
  }

 private:
  template <class F>
  static bool resolve(void* handle, const char* name, F& function) {
    function = reinterpret_cast<F>(::dlsym(handle, name));
    return function != nullptr;
  }

  // As libkmod.h declares them.
  kmod_ctx* (*create_)(const char* directory, const char* const* config) = nullptr;
  kmod_ctx* (*unref_)(kmod_ctx*) = nullptr;
  int (*load_)(kmod_ctx*) = nullptr;
  int (*lookup_)(kmod_ctx*, const char* alias, kmod_list**) = nullptr;
  kmod_module* (*module_)(const kmod_list*) = nullptr;
  const char* (*name_)(const kmod_module*) = nullptr;
  kmod_module* (*unref_module_)(kmod_module*) = nullptr;
  int (*unref_list_)(kmod_list*) = nullptr;
  kmod_list* (*next_)(const kmod_list* list, const kmod_list* current) = nullptr;
  kmod_ctx* context_ = nullptr;
};

ModuleAliases::ModuleAliases() = default;
ModuleAliases::~ModuleAliases() = default;

std::vector<std::string> ModuleAliases::modules(const std::string& modalias) {
  if (!tried_) library_ = Library::load();
  tried_ = true;
  return library_ ? library_->modules(modalias) : std::vector<std::string>();
}

}  // namespace vmleak
