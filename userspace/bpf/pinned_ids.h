// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace vmleak {

// Maps, links and their programs by the numbers that the kernel gives them, to
// see that they are gone when nothing keeps them any longer.
class PinnedIds {
 public:
  // What a pin keeps.  A pin that can't be opened keeps nothing.
  void remember(const std::string& path, bool is_link);

  // Error: they are still there, which means that somebody has them open.
  [[nodiscard]] Status wait_until_gone(std::chrono::milliseconds at_most) const;

 private:
  using OpenById = int (*)(std::uint32_t id);
  struct Kept {
    std::string name;  // "map ledger", "program fentry__kvm_put_kvm"
    OpenById open;
    std::uint32_t id;
  };
  [[nodiscard]] std::vector<std::string> left() const;

  std::vector<Kept> kept_;
};

}  // namespace vmleak
