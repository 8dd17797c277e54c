// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vmleak {

// "0000:8a:00.0" from itself or from "8a:00.0", in lower case; nothing when it
// is not the address of a PCI function.  What this accepts is safe as the name
// of a directory.
std::optional<std::string> parse_pci_address(std::string_view text);

// "0000:8a:00" of "0000:8a:00.0": what the functions of one device share.
std::string_view pci_slot(std::string_view address);

// "vfio-pci", "mlx5_vfio_pci", ...: drivers that give a device to user space.
bool is_vfio_driver_name(std::string_view driver);

}  // namespace vmleak
