// SPDX-License-Identifier: Apache-2.0
#include "base/pci_address.h"

#include <fmt/format.h>

#include <charconv>

namespace vmleak {
namespace {

constexpr unsigned kMaxDomain = 0xffffffff;  // VMD and Hyper-V have domains above ffff
constexpr unsigned kMaxBus = 0xff;
constexpr unsigned kMaxDevice = 0x1f;
constexpr unsigned kMaxFunction = 7;

// Takes a hexadecimal number that ends at `separator` (0: at the end).
bool take(std::string_view& text, char separator, std::size_t digits, unsigned most,
          unsigned& value) {
  const auto size = separator == 0 ? text.size() : text.find(separator);
  if (size == std::string_view::npos || size == 0 || size > digits) return false;
  const auto* end = text.data() + size;
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || stop != end || value > most) return false;
  text.remove_prefix(separator == 0 ? size : size + 1);
  return true;
}

}  // namespace

std::optional<std::string> canonical_pci_address(std::string_view text) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  const bool has_domain = text.find(':') != text.rfind(':');
  if ((has_domain && !take(text, ':', 8, kMaxDomain, domain)) ||
      !take(text, ':', 2, kMaxBus, bus) || !take(text, '.', 2, kMaxDevice, device) ||
      !take(text, 0, 1, kMaxFunction, function)) {
    return std::nullopt;
  }
  return fmt::format("{:04x}:{:02x}:{:02x}.{}", domain, bus, device, function);
}

std::string_view pci_slot(std::string_view address) {
  return address.substr(0, address.rfind('.'));
}

}  // namespace vmleak
