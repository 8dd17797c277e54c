// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "libvirt/domain_xml.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto domain = parse_domain_xml(input);
  if (!domain) {
    require(!domain.error().message.empty(), "an error says what is wrong");
    return;
  }
  require_devices(domain->host_devices);
  std::size_t size = domain->name.size() + domain->uuid.size();
  for (const auto& disk : domain->disks) size += disk.size();
  for (const auto& interface : domain->interfaces) size += interface.size();
  require(size <= input.size(), "texts are no longer than the input");
}

}  // namespace vmleak::fuzz
