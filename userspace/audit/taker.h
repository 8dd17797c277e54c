// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "audit/context.h"
#include "model/finding.h"

namespace vmleak {

// The domain that a task belonged to at that time; empty when nobody knows.
// PIDs are used again, so a process that began later is somebody else.
std::string domain_of(const AuditContext& context, const LedgerTask& task);

OriginTask origin_task(const AuditContext& context, const LedgerTask& task);

// Whoever made the object, or took the first reference to it, as the ledger
// knows; nothing when it does not.
std::optional<Owner> owner_by_ledger(const Sample& sample, NodeIndex object);

// "qemu-system-x86 4711 (gpu-07)"
std::string task_text(const OriginTask& task);

}  // namespace vmleak
