// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"

namespace vmleak {

// Where type information describes functions of the kernel and its modules.
// Read in one pass: libbpf would go through all 130,000 types for each program.
class FunctionTypes {
 public:
  struct Place {
    std::uint32_t id = 0;
    int btf_fd = 0;  // of the module's types; 0: the kernel's own
  };

  // `functions`: name and module (empty: the kernel itself).
  explicit FunctionTypes(const std::map<std::string, std::string, std::less<>>& functions);

  // nullptr when the function has no type information.
  [[nodiscard]] const Place* find(std::string_view function) const;
  // Why there is none at all; 0 when there is some.
  [[nodiscard]] int error() const { return error_; }

 private:
  std::map<std::string, Place, std::less<>> places_;
  std::map<std::string, FileDescriptor, std::less<>> modules_;
  int error_ = 0;
};

}  // namespace vmleak
