// SPDX-License-Identifier: Apache-2.0
#include "remedy/pci_address.h"

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

// Digits and what ends them: "dddd:bb:dd.f".
constexpr std::string_view kPattern = "xxxx:xx:xx.f";
constexpr std::size_t kDomainSize = 5;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool fits(char c, char pattern) {
  if (pattern == 'x') return is_hex(c);
  if (pattern == 'f') return c >= '0' && c <= '7';
  return c == pattern;
}

}  // namespace

std::optional<std::string> parse_pci_address(std::string_view text) {
  std::string address(text);
  if (address.size() + kDomainSize == kPattern.size()) address.insert(0, "0000:");
  // Domains above ffff exist (VMD); they have more digits.
  const auto colon = address.find(':');
  if (colon == std::string::npos || colon < 4 || colon > 8) return std::nullopt;
  for (auto& c : address) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto extra = colon - 4;
  if (address.size() != kPattern.size() + extra) return std::nullopt;
  if (!std::all_of(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(extra), is_hex)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    if (!fits(address[i + extra], kPattern[i])) return std::nullopt;
  }
  return address;
}

std::string_view pci_slot(std::string_view address) {
  return address.substr(0, address.rfind('.'));
}

bool is_vfio_driver_name(std::string_view driver) {
  return driver.find("vfio") != std::string_view::npos;
}

}  // namespace vmleak
