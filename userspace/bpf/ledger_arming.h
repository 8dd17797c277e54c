// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "attach/armed_families.h"
#include "attach/attach_plan.h"
#include "bpf/ledger.h"
#include "bpf/ledger_programs.h"

namespace vmleak {

// Error when this kernel takes no hook at all; that no module is there yet to
// be hooked is none.
Status check_plan(const AttachPlan& plan);

// The plan's families as they are kept beside the maps.
std::vector<ArmedFamily> armed_families(const AttachPlan& plan, const LedgerKernel& kernel);

// What an armed ledger goes on with when it is extended: not families that are
// stale, nor those whose programs were told less than what is known now.
std::vector<ArmedFamily> families_to_keep(const std::vector<ArmedFamily>& armed,
                                          const LedgerKernel& kernel);

// Enters what exists already of these families' classes, and says how that went
// as a family of its own.
ArmedFamily seed_families(const LedgerPrograms& programs, const AttachSupport& support,
                          const std::vector<ArmedFamily>& families);

FunctionPlaces places(const LedgerKernel& kernel);

}  // namespace vmleak
