// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/kinds.h"
#include "model/node.h"

namespace vmleak {

// A task at one moment.
struct LedgerTask {
  std::int64_t pid = 0;  // thread group id; 0: not known
  std::int64_t tid = 0;
  std::string comm;
  std::uint64_t time_ns = 0;  // CLOCK_REALTIME
};

enum class EntryState {
  kOut,          // taken while the ledger was armed and not given back
  kPreexisting,  // was there when the ledger was armed; nothing else is known of its take
  // The function that has to give it back has run, and the counter did not go down.
  kForgotten,
};

// One reference that is out, or several that nothing tells apart.
struct LedgerEntry {
  std::string cls;  // row of the class table, e.g. "kvm/vcpu-file"
  EntryState state = EntryState::kOut;
  std::int64_t references = 1;
  NodeId held;              // what the reference keeps; in the book
  NodeId holder;            // the token that has it, e.g. the open file; empty: not in the book
  std::string holder_text;  // for people, where holder is empty or says less: "VFIO trigger 2/0"
  LedgerTask taken;
  std::string function;            // in which it was taken, e.g. "kvm_vm_ioctl"
  std::vector<std::string> stack;  // "name [module]", innermost first
  LedgerTask dropped;              // forgotten: who ran the function that did not give it back
};

// Gets and puts of one counter by one function outside of KVM and VFIO: they
// carry no token, so only their sum says anything.
struct CallerSum {
  NodeId held;
  std::string counter;       // "users_count"
  std::string function;      // the caller, e.g. "take_kvm"
  std::string module;        // empty: the kernel itself
  bool at_or_below = false;  // the caller jumped: a function that it called last did it
  std::int64_t gets = 0;
  std::int64_t puts = 0;
  struct Stack {
    std::int64_t count = 0;
    bool is_put = false;
    std::vector<std::string> frames;
    LedgerTask last;
  };
  std::vector<Stack> stacks;
};

// Who closed a watched file last.
struct FileClose {
  NodeId file;  // the image
  std::int64_t closes = 0;
  LedgerTask last;
};

// A device whose removal began and has not ended.
struct DeviceRemoval {
  NodeId device;
  LedgerTask task;
  std::int64_t refcount = 0;  // when it began
  std::vector<std::string> stack;
};

struct DmaTotals {
  NodeId container;
  std::uint64_t mapped_bytes = 0;
  std::uint64_t unmapped_bytes = 0;
  std::uint64_t maps = 0;
  std::uint64_t unmaps = 0;
};

// The third book: who took what is out.  Read with every sample.
struct LedgerBook {
  std::uint64_t armed_ns = 0;  // CLOCK_REALTIME
  // Classes whose takes and drops are all in the entries since then:
  // attached with programs that count what they miss, and nothing was lost.
  std::vector<std::string> complete_classes;
  std::vector<LedgerEntry> entries;
  std::vector<CallerSum> sums;
  std::vector<FileClose> closes;
  std::vector<DeviceRemoval> removals;
  std::vector<DmaTotals> dma;
};

}  // namespace vmleak
