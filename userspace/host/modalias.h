// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace vmleak {

// Kernel modules by modalias, through libkmod, loaded when it is first needed
// and only where it is installed.
class ModuleAliases {
 public:
  ModuleAliases();
  ModuleAliases(const ModuleAliases&) = delete;
  ModuleAliases& operator=(const ModuleAliases&) = delete;
  ModuleAliases(ModuleAliases&&) = delete;
  ModuleAliases& operator=(ModuleAliases&&) = delete;
  ~ModuleAliases();

  // The modules that modprobe(8) would load for it, e.g. "e1000e"; blacklisted
  // ones too.  Empty without libkmod.
  std::vector<std::string> modules(const std::string& modalias);

 private:
  class Library;
  bool tried_ = false;
  std::unique_ptr<Library> library_;
};

}  // namespace vmleak
