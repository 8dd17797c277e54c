// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bpf/kernel_records.h"

namespace vmleak {

// Where things are in the running kernel, from /proc/kallsyms, and which of
// its parts have type information.  0 or empty: not there.
struct KernelAddresses {
  std::uint64_t vm_list = 0;
  std::vector<std::uint64_t> vfio;  // every symbol of that name
  std::uint64_t fput_work = 0;      // ____fput
  std::uint64_t kvm_vm_fops = 0;

  struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    vmleak_closing closing = VMLEAK_CLOSING_NONE;
    bool device_call = false;
  };
  std::vector<Range> stack_functions;  // what they say about a task that is in them

  std::vector<std::pair<std::uint64_t, vmleak_file_type>> operations;

  // Loaded, or built in, and described by BTF.
  bool has_kvm = false;
  bool has_kvm_amd = false;
  bool has_vfio = false;
  bool has_vfio_type1 = false;
  bool has_vhost = false;
  bool has_iommu = false;
};

// The programs of bpf/snapshot, loaded.  Nothing stays attached.
class SnapshotPrograms {
 public:
  // Errors: "load snapshot programs: ..." with the verifier's last words.
  static Result<SnapshotPrograms> load(const KernelAddresses& addresses);

  SnapshotPrograms(SnapshotPrograms&&) noexcept;
  SnapshotPrograms& operator=(SnapshotPrograms&&) noexcept;
  SnapshotPrograms(const SnapshotPrograms&) = delete;
  SnapshotPrograms& operator=(const SnapshotPrograms&) = delete;
  ~SnapshotPrograms();

  enum class Run {
    kVmList,
    kKvm,
    kKvmDevices,
    kKvmVfio,
    kMappings,
    kMm,
    kFile,
    kEventfd,
    kKvmEventfds,
    kVfioEventfds,
    kSocket,
    kIoUring,
    kVhost,
    kVfioGroups,
    kVfioGroup,
    kVfioGroupParts,
    kVfioDevice,
    kVfioContainer,
    kVfioDma,
    kIommuGroup,
  };
  enum class Iterate { kFiles, kOwnFds, kTasks };

  // Every program that run() and iterate() know, by its name in the object.
  static std::vector<std::string> program_names();

  // Whether the program was loaded: its part of the kernel exists.
  [[nodiscard]] bool has(Run run) const;

  // Runs a program on one object and appends what it found.
  Status run(Run run, std::uint64_t address, std::uint64_t extra, KernelRecords& out);
  // Runs an iterator; `tgid` 0 means all tasks of the host.
  Status iterate(Iterate iterate, std::uint32_t tgid, KernelRecords& out);

  Status watch_task_key(std::uint64_t key);  // mm_struct, files_struct or thread group id
  Status watch_inode(std::uint64_t inode);
  Status watch_eventfd(std::uint64_t context);
  void report_images(bool on);

  [[nodiscard]] std::uint64_t files_walked() const;
  [[nodiscard]] std::uint64_t records_lost() const;

 private:
  struct State;
  explicit SnapshotPrograms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vmleak
