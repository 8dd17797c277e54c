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

// One counter laid beside its visible holders.
struct CounterBalance {
  ObjectRef object;  // whose counter it is: the finding's object or the open file in between
  std::string name;
  std::int64_t value = 0;
  std::vector<ClassCount> classes;
  std::int64_t unaccounted = 0;  // value - sum of classes; negative: inconclusive
  std::int64_t bound = 0;        // how many of these tasks inside a system call may explain
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

struct Origin {
  std::int64_t references = 0;
  std::string cls;
  std::string function;
  std::vector<std::string> stack;
  std::int64_t pid = 0;
  std::string comm;
  std::string time;
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
  std::vector<Finding> findings;
  std::int64_t vms_fine = 0;       // VMs alive with every reference explained
  std::int64_t vms_releasing = 0;  // VMs on their way out
  std::uint64_t files_walked = 0;
  std::uint64_t mappings_walked = 0;
};

}  // namespace vmleak
