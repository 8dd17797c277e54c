// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vmleak::scenarios {

// The flight recorder, armed for as long as this object lives.
class Armed {
 public:
  // Throws when `vmleak arm` with these options fails.
  explicit Armed(const std::vector<std::string>& options = {});
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
  ~Armed();

  // Throws when it fails; does nothing when it is disarmed already.
  void disarm();

  // What a further `vmleak arm` says, without options: document vmleak.arm/1.
  [[nodiscard]] nlohmann::json again() const;
  // The same of `vmleak arm --status`.
  [[nodiscard]] nlohmann::json status() const;
  [[nodiscard]] std::int64_t entries() const;

 private:
  bool armed_ = true;
};

// Names of the BPF programs that the kernel has.
std::vector<std::string> loaded_programs();

}  // namespace vmleak::scenarios
