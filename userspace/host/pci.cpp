// SPDX-License-Identifier: Apache-2.0
#include "host/pci.h"

#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

struct ClassName {
  std::uint32_t code;  // class and subclass
  std::uint32_t mask;
  std::string_view name;
};

// First match counts.  Codes: PCI Code and ID Assignment Specification.
constexpr std::array kClassNames{
    ClassName{0x0108, 0xffff, "NVMe"},        ClassName{0x0100, 0xff00, "storage"},
    ClassName{0x0200, 0xff00, "network"},     ClassName{0x0300, 0xff00, "GPU"},
    ClassName{0x0403, 0xffff, "audio"},       ClassName{0x0401, 0xffff, "audio"},
    ClassName{0x0400, 0xff00, "multimedia"},  ClassName{0x0500, 0xff00, "memory"},
    ClassName{0x0600, 0xff00, "bridge"},      ClassName{0x0700, 0xff00, "serial port"},
    ClassName{0x0c03, 0xffff, "USB"},         ClassName{0x0c04, 0xffff, "Fibre Channel"},
    ClassName{0x0c06, 0xffff, "InfiniBand"},  ClassName{0x1000, 0xff00, "crypto"},
    ClassName{0x1200, 0xff00, "accelerator"},
};

// Behind the name of a company in the PCI ID list.
constexpr std::array<std::string_view, 13> kLegalForms{
    " Corporation", " Corp.", " Corp", ", Inc.",   " Inc.", ", Inc",        " Inc",
    " Co., Ltd.",   ", Ltd.", " Ltd.", " Limited", " GmbH", " Technologies"};

// The text in the last brackets at the end, else all of it.
std::string_view marketing_name(std::string_view name) {
  if (!name.ends_with(']')) return name;
  const auto open = name.rfind('[');
  if (open == std::string_view::npos || open + 2 >= name.size()) return name;
  return name.substr(open + 1, name.size() - open - 2);
}

std::string_view without_legal_form(std::string_view vendor) {
  for (const auto form : kLegalForms) {
    if (vendor.size() > form.size() && vendor.ends_with(form)) {
      vendor.remove_suffix(form.size());
    }
  }
  return vendor;
}

std::string_view file_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

template <class T>
Result<T> read_hex(const HostRoot& root, const std::string& path) {
  const auto text = root.read_value(path);
  if (!text) return text.error();
  const auto value = to_hex_number<T>(*text);
  if (!value) return Error{fmt::format("read {}: \"{}\" is no number", path, *text), EINVAL};
  return *value;
}

}  // namespace

std::string_view pci_class_name(std::uint32_t class_code) {
  for (const auto& row : kClassNames) {
    if (((class_code >> 8) & row.mask) == row.code) return row.name;
  }
  return "device";
}

std::string short_pci_name(std::string_view vendor, std::string_view device) {
  return fmt::format("{} {}", without_legal_form(marketing_name(vendor)), marketing_name(device));
}

Result<PciDevice> read_pci_device(const HostRoot& root, std::string_view address) {
  const std::string directory = fmt::format("/sys/bus/pci/devices/{}/", address);
  const auto vendor = read_hex<std::uint16_t>(root, directory + "vendor");
  if (!vendor) return vendor.error();
  const auto device = read_hex<std::uint16_t>(root, directory + "device");
  if (!device) return device.error();
  const auto class_code = read_hex<std::uint32_t>(root, directory + "class");
  if (!class_code) return class_code.error();
  PciDevice pci{std::string(address), *vendor, *device, *class_code, "", -1};
  if (const auto driver = root.read_link(directory + "driver")) pci.driver = file_name(*driver);
  if (const auto group = root.read_link(directory + "iommu_group")) {
    pci.iommu_group = to_number<std::int64_t>(file_name(*group)).value_or(-1);
  }
  return pci;
}

}  // namespace vmleak
