// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/domain.h"

namespace vmleak {

// The runs in a Linux audit log (/var/log/audit/audit.log): VIRT_CONTROL says
// when a VM started and stopped and ties name, UUID and PID, VIRT_RESOURCE which
// devices and disks it had.  As libvirt's virDomainAudit*() writes them.
std::vector<PastRun> parse_audit_log(std::string_view text, const std::string& where);

}  // namespace vmleak
