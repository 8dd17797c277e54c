// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/domain.h"
#include "model/kinds.h"
#include "model/ledger.h"
#include "model/node.h"
#include "model/pci.h"

namespace vmleak {

inline constexpr std::string_view kSnapshotSchema = "vmleak.snapshot/1";

// Why a task counts as closing: it may keep references that stand in no table.
enum class ClosingReason {
  kTaskWork,   // task_work_run, __fput, delayed_fput: a list of files is being put
  kExitMmap,   // an address space is being taken down
  kDestroyVm,  // kvm_destroy_vm
  kExiting,    // PF_EXITING and not yet dead
  kCoreDump,   // its thread group dumps core
  kUnknown,    // runs in the kernel, stack unreadable
};

std::string_view to_string(ClosingReason reason);
void to_json(nlohmann::json& json, ClosingReason reason);
void from_json(const nlohmann::json& json, ClosingReason& reason);

struct ClosingTask {
  std::int64_t tid = 0;
  std::int64_t pid = 0;  // thread group id
  std::string comm;
  std::string state;  // "D", "R", ...
  ClosingReason reason = ClosingReason::kExiting;
  std::vector<std::string> stack;  // kernel functions, innermost first
  bool kernel_thread = false;
};

// Something that could not be seen.  It turns "clean" into "inconclusive" for
// the kinds of object it touches.
struct Loss {
  std::string what;  // e.g. "mappings: list changed during 3 walks"
  std::int64_t count = 0;
  std::vector<NodeKind> kinds;  // empty: all of them
  // Of the ledger: no holder is hidden by it, so no verdict of the other two
  // books rests on it.
  bool in_ledger = false;
};

// Counters and holders, read in one walk.
struct Book {
  std::uint64_t time_ns = 0;  // CLOCK_REALTIME when the walk began
  std::vector<Node> nodes;
  std::vector<Reference> references;
  std::vector<ClosingTask> closing_tasks;
  std::vector<WaitingTask> waiting_tasks;
  std::vector<Loss> losses;
  std::optional<LedgerBook> ledger;   // when one is armed, or attached by this command
  std::uint64_t files_walked = 0;     // open files looked at
  std::uint64_t mappings_walked = 0;  // mappings looked at
};

struct HostInfo {
  std::string hostname;
  std::string kernel;  // uname -r
  std::string boot_id;
  std::uint64_t boot_time_ns = 0;  // CLOCK_REALTIME when it booted; 0 when unknown
};

struct Versions {
  std::string vmleak;
  std::string qemu;     // empty when not found
  std::string libvirt;  // empty when not found
};

// One thing vmleak can see with, and what is missing without it.
struct Family {
  std::string name;  // e.g. "vm_list", "mappings"
  FamilyState state = FamilyState::kMissing;
  std::string program;  // what does it: program or source chosen
  std::string lost_without;
  std::vector<std::string> classes{};  // of the ledger's entries that it makes; none for a walk
};

struct Coverage {
  Tier tier = Tier::kProc;
  std::string armed_since;  // RFC 3339; empty when no ledger is armed
  std::vector<Family> families;
};

// What managers of VMs and their records say.
struct Management {
  std::vector<Domain> domains;
  std::vector<PastRun> past_runs;
  std::vector<Loss> losses;  // a manager that did not answer, a record that can't be read
};

struct Snapshot {
  HostInfo host;
  Versions versions;
  Coverage coverage;
  // One, or, when the first shows suspects, several over the settle time.
  // The last one is the present.
  std::vector<Book> samples;
  std::uint64_t settle_ns = 0;  // span that the samples had to cover
  // Read once, after the last sample.
  Management management;
  // PCI functions that VMs have to do with: on a vfio driver or with a driver
  // override, named by a domain or a record, or sharing slot, IOMMU group or
  // physical function with one of these.
  std::vector<PciFunction> pci_functions;
};

}  // namespace vmleak
