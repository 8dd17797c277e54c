// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// "bash 348 waits in vfio_unregister_group_dev since 2026-01-01T00:00:00Z".
std::string describe(const WaitingTask& task);

// A removal of this device hangs, and it, or one that queues behind it, holds
// pci_lock_rescan_remove: all other hot-plug of the host waits for it.
bool blocks_all_pci(const Sample& sample, std::string_view pci_address);

// Lines about the tasks that wait for these devices to be given back, and about
// those that queue behind them.
std::vector<Evidence> evidence_of_removals(const AuditContext& context,
                                           const std::vector<std::string>& pci_addresses);

}  // namespace vmleak
