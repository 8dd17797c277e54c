// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "audit/explain.h"
#include "model/finding.h"

namespace vmleak::testing {

// A group whose file nobody holds, as an audit reports it.
inline Finding leaked_group() {
  Finding finding;
  finding.id = "3f9c1a";
  finding.rule = "unaccounted";
  finding.verdict = Verdict::kLeaked;
  finding.summary = "1 reference on the file of VFIO group 42 that nobody holds";
  finding.since = "2026-01-02T01:00:00Z";
  finding.impact = {0, {"0000:8a:00.0"}, "open /dev/vfio/42: Device or resource busy"};
  finding.object = {"vfio_group", "42", "0000:8a:00.0 NVIDIA A100"};
  finding.owner = Owner{"gpu-07", "5b1e0c2a-0000-4000-8000-000000000001", OwnerState::kGone,
                        "command line", 4711};
  finding.counters = {{{"open_file", "7", "/dev/vfio/42"}, "f_count", 1, {}, 1, 0}};
  finding.consequences = {{"iommu_group", "42", "42", "can't be given to another VM"}};
  finding.evidence = {{"samples", "the same in 3 samples over 10 s"}};
  finding.remedies = {{"tell whoever runs that module", "low", true, {}, ""}};
  return finding;
}

// An address space kept by a vhost worker, reached through another process.
inline Finding held_memory() {
  Finding finding;
  finding.id = "b07e44";
  finding.rule = "holders";
  finding.verdict = Verdict::kHeld;
  finding.summary = "containerd-shim 8733 keeps the memory of a VM that is gone";
  finding.impact.bytes = std::uint64_t{64} << 30U;
  finding.object = {"mm", "9", "qemu-system-x86 8751"};
  finding.counters = {{finding.object, "mm_users", 1, {{"mm/vhost", 1}}, 0, 0}};
  finding.holders = {{1,
                      {{"kernel_thread", "8760", "", 8760, "vhost-8751", ""},
                       {"open_file", "3", "/dev/vhost-net", 0, "", "owner"},
                       {"process", "8733", "", 8733, "containerd-shim", "fd 18"}}}};
  return finding;
}

inline AuditReport report_of(std::vector<Finding> findings) {
  AuditReport report;
  report.findings = std::move(findings);
  report.verdict = report.findings.empty() ? Verdict::kClean : report.findings.front().verdict;
  report.time = "2026-01-02T03:03:00Z";
  report.host = {"host-a", "6.1.0-28-amd64", "b00710"};
  report.versions.vmleak = "0.1.0";
  report.coverage.tier = Tier::kSnapshot;
  report.vms_fine = 37;
  report.files_walked = 41207;
  report.mappings_walked = 912;
  return report;
}

inline Explanation held_device() {
  Explanation it;
  it.object = {"vfio_device", "0000:5c:00.0", "0000:5c:00.0 NVIDIA A100"};
  it.verdict = Verdict::kHeld;
  it.state = "its VM is gone, containerd-shim 8733 keeps it";
  it.owner = Owner{"kata-9f", "", OwnerState::kGone, "cgroup", 8751};
  it.properties = {{"driver", "vfio-pci"}, {"group", "17"}};
  it.counters = {
      {it.object, "refcount", 2, {{"vfio-device/registered", 1}, {"vfio-device/file", 1}}, 0, 0}};
  HolderTree first{{"process", "8733", "", 8733, "containerd-shim", "fd 18"}, 1, {}, {}};
  HolderTree second{{"process", "99", "", 99, "backup", "fd 3"}, 1, {}, {}};
  HolderTree file{{"open_file", "3", "/dev/vfio/17", 0, "", ""},
                  1,
                  {{{"open_file", "3", "/dev/vfio/17"}, "f_count", 2, {{"file/fd", 2}}, 0, 0}},
                  {first, second}};
  it.holders = {file};
  it.finding_ids = {"b07e44"};
  return it;
}

}  // namespace vmleak::testing
