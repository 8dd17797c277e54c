// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/kinds.h"
#include "model/snapshot.h"

namespace vmleak {

struct ObjectRef {
  std::string kind;  // name of a NodeKind
  std::string id;    // local part of the NodeId
  std::string name;
};

struct Owner {
  std::string name;
  std::string uuid;
  OwnerState state = OwnerState::kUnknown;
  std::string source;    // where the name comes from: "command line", "cgroup", ...
  std::int64_t pid = 0;  // of the VM's process, also when it is gone; 0 when unknown
};

struct Impact {
  std::uint64_t bytes = 0;
  std::vector<std::string> devices;  // PCI addresses
  std::string text;  // "next start fails: open /dev/vfio/42: Device or resource busy"
};

struct ClassCount {
  std::string cls;
  std::int64_t references = 0;
};

// What the ledger has of one class.
struct RecordedCount {
  std::string cls;
  std::int64_t out = 0;
  std::int64_t preexisting = 0;
  std::int64_t forgotten = 0;
};

// One counter laid beside its visible holders.
struct CounterBalance {
  ObjectRef object;  // whose counter it is: the finding's object or the open file in between
  std::string name;
  std::int64_t value = 0;
  std::vector<ClassCount> classes;
  std::int64_t unaccounted = 0;  // value - sum of classes; negative: inconclusive
  std::int64_t bound = 0;        // how many of these tasks inside a system call may explain
  // The same counter in the ledger; nothing when there is none.
  std::optional<std::vector<RecordedCount>> recorded = std::nullopt;
};

struct ChainLink {
  std::string kind;
  std::string id;
  std::string name;
  std::int64_t pid = 0;  // 0 unless a process or kernel thread
  std::string comm;
  std::string detail;  // how it holds the link before it: "fd 18", "mapping of 4 KiB"
};

// One way from the object to somebody a person can act on.
struct HolderChain {
  std::int64_t references = 1;
  std::vector<ChainLink> chain;
};

// A task that did something, and the domain it belonged to.
struct OriginTask {
  std::int64_t pid = 0;
  std::string comm;
  std::string domain;
  std::string time;  // RFC 3339
};

// One of several ways by which a reference may have been taken.
struct OriginStack {
  std::int64_t references = 0;  // taken by this way, most of them given back maybe
  std::string function;
  bool at_or_below = false;
  std::vector<std::string> stack;
  OriginTask last;
};

// Who took references, and where.
struct Origin {
  std::int64_t references = 0;
  std::string cls;
  std::string function;
  std::vector<std::string> stack;  // innermost first
  std::int64_t pid = 0;
  std::string comm;
  std::string time;  // RFC 3339; of the first, when there are several
  OriginState state = OriginState::kTaken;
  ObjectRef object{};     // what the references are to
  std::string counter{};  // of it
  std::int64_t of = 0;    // so many references of the counter are to be explained
  std::string module{};   // of the function; empty: the kernel itself
  // The function jumped: one that it called last took the reference.
  bool at_or_below = false;
  std::string domain{};                   // that the process belonged to
  std::string holder{};                   // that has them, for people: "VFIO trigger 2/0"
  std::vector<OriginStack> candidates{};  // unbalanced: every stack that took one
  std::string dropped_in{};               // forgotten: the function that did not give it back
  std::optional<OriginTask> dropped = std::nullopt;  // and who ran it
};

// A class of which the ledger and what is seen disagree though the counter is
// right: its entries can't be trusted on this kernel.
struct Drift {
  ObjectRef object;
  std::string counter;
  std::string cls;
  std::int64_t seen = 0;
  std::int64_t recorded = 0;
};

struct Consequence {
  std::string kind;
  std::string id;
  std::string name;
  std::string text;
};

struct Evidence {
  std::string source;
  std::string text;
};

struct Remedy {
  std::string name;
  std::string risk;  // "low", "medium", "high"
  bool ready = false;
  std::vector<std::string> blocked_by;
  std::string command;  // empty when there is no command, only advice
};

struct Finding {
  std::string id;    // stable while it is the same leak
  std::string rule;  // name of the rule that found it
  Verdict verdict = Verdict::kInconclusive;
  std::string summary;               // one sentence to act on
  std::optional<std::string> since;  // RFC 3339
  Impact impact;
  ObjectRef object;
  std::optional<Owner> owner;
  std::vector<CounterBalance> counters;
  std::vector<HolderChain> holders;
  std::vector<Origin> origins;
  std::vector<Consequence> consequences;
  std::vector<Evidence> evidence;
  std::vector<Remedy> remedies;
};

// What `audit` says: a pure function of a snapshot.
struct AuditReport {
  Verdict verdict = Verdict::kInconclusive;  // worst of the findings and of the coverage
  std::string time;                          // RFC 3339
  HostInfo host;
  Versions versions;
  Coverage coverage;
  std::vector<Loss> losses;
  std::vector<Drift> drift;
  std::vector<Finding> findings;
  std::int64_t vms_fine = 0;       // VMs alive with every reference explained
  std::int64_t vms_releasing = 0;  // VMs on their way out
  std::uint64_t files_walked = 0;
  std::uint64_t mappings_walked = 0;
};

}  // namespace vmleak
