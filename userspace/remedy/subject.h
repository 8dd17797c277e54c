// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "audit/context.h"
#include "model/finding.h"
#include "remedy/plan.h"

namespace vmleak {

// What the books say about a target, in the order in which it decides.
enum class Situation {
  kInterrupted,   // an earlier run left open steps
  kInUse,         // by a VM that lives, or it can't be told
  kReleasing,     // a task is still closing it
  kDeviceHeld,    // a device file is out, its holder is seen
  kHeld,          // a group or container file or another object is, its holder is seen
  kDeviceLeaked,  // a device file is out, nobody is seen to hold it
  kGroupLeaked,   // a group or container file is out, nobody is seen to hold it
  kKernelKept,    // no device: the kernel keeps a VM or its memory
  kOnVfio,        // idle, on a vfio driver
  kUnbound,       // idle, without a driver
  kOverrideLeft,  // on a driver of the host, overridden by a vfio one
  kOnHostDriver,  // nothing to give back
};

// A target with all that is touched along with it: IOMMU group, functions of the
// same device, of a physical function all virtual ones.
struct Subject {
  Subject(const Snapshot& from, const AuditReport& with, const ReleaseTarget& what,
          const PlanOptions& how);
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  Subject(Subject&&) = delete;
  Subject& operator=(Subject&&) = delete;
  ~Subject() = default;

  [[nodiscard]] const Graph& graph() const { return sample.graph; }
  [[nodiscard]] const PciFunction* find(std::string_view address) const;

  const Snapshot& snapshot;
  const AuditReport& report;
  const ReleaseTarget& target;
  const PlanOptions& options;
  AuditOptions audit_options;
  AuditContext context;  // of the last sample alone
  const Sample& sample;
  std::vector<const PciFunction*> unit;  // by address
  std::vector<std::string> unknown;      // addresses of which sysfs told nothing
  std::vector<NodeIndex> nodes;          // targets, devices and groups of the unit
  std::vector<NodeIndex> open_devices;   // of which a file is out
  std::vector<NodeIndex> open_groups;    // that are open or attached
  std::vector<NodeIndex> users;          // running processes that rightfully use it
  std::vector<NodeIndex> holders;        // running ones that keep what should be gone
  bool user_unknown = false;             // whether its user lives can't be told
  bool ending = false;                   // a task on its way out still keeps it
  std::vector<const Finding*> findings;  // about any of the nodes
  const UnfinishedRun* unfinished = nullptr;
  Situation situation = Situation::kOnHostDriver;
};

// What could not be read of the last sample although a user or holder of a
// device may be there; empty: nothing.
std::string unseen_part(const Snapshot& snapshot);

// The functions of the unit on a vfio driver, and those of the target without
// a driver: what a remedy acts on.  Never bridges.
std::vector<const PciFunction*> acted_functions(const Subject& subject);

// Targets on a driver of the host whose driver_override names a vfio one, with
// nothing known that wants it so.
std::vector<const PciFunction*> overridden_functions(const Subject& subject);

// It was taken from a driver of the host for a VM that is over.
bool belongs_to_host(const Subject& subject, const PciFunction& function);

// The driver of the host that had it in this boot.  Empty: not known.
std::string native_driver_evidence(const Subject& subject, const PciFunction& function);

}  // namespace vmleak
