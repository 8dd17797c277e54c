// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/domain.h"

namespace vmleak {

// What a domain's XML (virDomainGetXMLDesc, libvirt's formatdomain) says of
// name, UUID, memory and devices; the rest of Domain stays as it is.  Error when
// it is no XML, or not that of a domain.
Result<Domain> parse_domain_xml(std::string_view xml);

}  // namespace vmleak
