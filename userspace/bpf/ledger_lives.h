// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

#include "bpf/kernel_records.h"
#include "bpf/ledger_classes.h"

namespace vmleak {

// A VM's entry is of the VM that is at its address now.
bool is_of_this_vm(const vmleak_ledger_entry& entry, const LedgerRecords& ledger);

// The file that proves an entry: of the entry's class, keeping what the entry
// says, with references.
bool proves(const vmleak_file& file, const vmleak_ledger_entry& entry, const LedgerClass& cls);

// Keeps of a ledger what was in it before and after the walk, with an object
// that the walk found alive: records.ledger, and the rest in
// records.earlier_lives when nothing else can explain it.  `reached` are the
// addresses that only the ledger led to: objects that no kept entry names are
// taken out of the records, for memory that was freed meanwhile may say
// anything.
void confirm_ledger(KernelRecords& records, const LedgerRecords& before, LedgerRecords after,
                    const std::set<std::uint64_t>& reached);

}  // namespace vmleak
