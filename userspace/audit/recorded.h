// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// What the ledger tells of a node besides its references: of an image who
// closed it last, of a container how much was mapped for DMA.
std::vector<std::pair<std::string, std::string>> recorded_properties(const AuditContext& context,
                                                                     NodeIndex node);

// The removal of this device that began and has not ended; nullptr when there
// is none, or nobody recorded it.
const DeviceRemoval* removal_of(const Sample& sample, NodeIndex device);

std::vector<Evidence> recorded_removal(const AuditContext& context, NodeIndex device);

}  // namespace vmleak
