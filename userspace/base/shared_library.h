// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace vmleak {

// A library that is used where it is installed, and that nothing links to.  It
// is never unloaded: some have threads of their own.
class SharedLibrary {
 public:
  // Error code ENOENT: it is not installed.
  static Result<SharedLibrary> load(const std::string& name);

  // Sets a pointer to the function of that name.
  template <class F>
  SharedLibrary& get(const char* function, F& pointer) {
    pointer = reinterpret_cast<F>(find(function));
    return *this;
  }

  // Error code ENOENT: a function that was asked for is not part of it.
  [[nodiscard]] Status complete() const;

 private:
  SharedLibrary(std::string name, void* handle) : name_(std::move(name)), handle_(handle) {}
  void* find(const char* function);

  std::string name_;
  void* handle_;
  std::string missing_;  // the first one
};

}  // namespace vmleak
