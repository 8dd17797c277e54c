// SPDX-License-Identifier: Apache-2.0
#include "libvirt/node_device_xml.h"

#include <algorithm>
#include <pugixml.hpp>

#include "base/pci_address.h"

namespace vmleak {
namespace {

// Takes the last component off a path.
std::string_view take_last(std::string_view& path) {
  const auto slash = path.rfind('/');
  const auto last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  return last;
}

// "0000:06:00.0" of "pci_0000_06_00_0"; empty when it is no PCI function's name.
std::string address_in_name(std::string_view name) {
  constexpr std::string_view kPrefix = "pci_";
  if (!name.starts_with(kPrefix)) return {};
  std::string text(name.substr(kPrefix.size()));
  std::replace(text.begin(), text.end(), '_', ':');
  if (const auto last = text.rfind(':'); last != std::string::npos) text[last] = '.';
  return canonical_pci_address(text).value_or("");
}

}  // namespace

Result<MediatedDevice> parse_mediated_device_xml(std::string_view xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_default);
  if (!parsed) return Error{fmt::format("parse node device XML: {}", parsed.description())};
  const auto device = document.child("device");
  const auto capability = device.find_child_by_attribute("capability", "type", "mdev");
  if (!capability) return Error{"parse node device XML: it is not that of a mediated device"};
  MediatedDevice out;
  out.driver = device.child("driver").child_value("name");
  // Older versions of libvirt have these two in the path or in names alone.
  std::string_view path = device.child_value("path");
  const auto last = take_last(path);
  const std::string_view uuid = capability.child_value("uuid");
  out.uuid = uuid.empty() ? last : uuid;
  if (out.uuid.empty()) return Error{"parse node device XML: a mediated device without UUID"};
  for (const auto parent :
       {std::string_view(capability.child_value("parent_addr")), take_last(path)}) {
    if (out.parent_address.empty()) {
      out.parent_address = canonical_pci_address(parent).value_or("");
    }
  }
  if (out.parent_address.empty()) {
    out.parent_address = address_in_name(device.child_value("parent"));
  }
  return out;
}

}  // namespace vmleak
