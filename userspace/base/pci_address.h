// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vmleak {

// "0000:8a:00.0" from "0000:8A:00.0" or "8a:00.0"; nothing when it is no PCI
// address (domain, bus, device below 20 hex, function below 8).
// What this accepts is safe as the name of a directory.
std::optional<std::string> canonical_pci_address(std::string_view text);

// "0000:8a:00" of "0000:8a:00.0": what the functions of one device share.
std::string_view pci_slot(std::string_view address);

}  // namespace vmleak
